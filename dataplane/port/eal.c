#include "dataplane/port/eal.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include "common/base/log.h"

#define HUGEPAGES_DIR "/sys/kernel/mm/hugepages"

uint64_t eal_hugepages_free(void)
{
	DIR *dir = opendir(HUGEPAGES_DIR);
	struct dirent *entry;
	uint64_t bytes = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)) != NULL) {
		char path[PATH_MAX];
		unsigned long long kb;
		unsigned long long pages;
		FILE *f;

		if (sscanf(entry->d_name, "hugepages-%llukB", &kb) != 1)
			continue;
		snprintf(path, sizeof(path), HUGEPAGES_DIR "/%s/free_hugepages", entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%llu", &pages) == 1)
			bytes += kb * 1024 * pages;
		fclose(f);
	}
	closedir(dir);
	return bytes;
}

static bool choose_huge(const struct eal_config *config, bool *huge)
{
	uint64_t found = eal_hugepages_free();
	bool enough = found > config->memory + config->memory / 8;

	*huge = config->hugepages == EAL_HUGEPAGES_ON ||
		(config->hugepages == EAL_HUGEPAGES_AUTO && enough);
	if (config->hugepages != EAL_HUGEPAGES_ON || enough)
		return true;
	log_err("hugepages: on, but only %llu MB of huge pages are free for `memory` of %llu MB. "
		"Reserve some, for example: echo %llu > %s/hugepages-2048kB/nr_hugepages, or set "
		"`hugepages: auto`",
		(unsigned long long)(found >> 20), (unsigned long long)(config->memory >> 20),
		(unsigned long long)(config->memory >> 20) * 5 / 8 + 32, HUGEPAGES_DIR);
	return false;
}

// Finds what the kernel knows about a device that can't be used, to say what to do about it.
static void explain_pci(const char *device)
{
	char full[64];
	char path[PATH_MAX];
	char driver[PATH_MAX];
	ssize_t n;

	snprintf(full, sizeof(full), "%s%.40s",
		strchr(device, ':') == strrchr(device, ':') ? "0000:" : "", device);
	full[strcspn(full, ",")] = '\0';
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", full);
	if (access(path, F_OK) != 0) {
		log_err("port: there is no PCI device %s. List them with: lspci -D | grep -i net",
			full);
		return;
	}
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", full);
	n = readlink(path, driver, sizeof(driver) - 1);
	driver[n > 0 ? n : 0] = '\0';
	log_err("port: DPDK can't use PCI device %s; its driver is %s. Bind it with: "
		"dpdk-devbind.py "
		"--bind=vfio-pci %s (the kernel then no longer has it), and check that an IOMMU is "
		"on, or /sys/module/vfio/parameters/enable_unsafe_noiommu_mode",
		full, n > 0 ? strrchr(driver, '/') + 1 : "none", full);
}

// The kernel interface that a virtual device receives from; false when it has none.
static bool kernel_iface(const char *device, char name[IF_NAMESIZE])
{
	const char *iface = strstr(device, "iface=");

	// Other drivers make the interface, or mean a socket's path.
	if (!iface || strncmp(device, "net_af_", 7) != 0)
		return false;
	snprintf(name, IF_NAMESIZE, "%.*s", (int)strcspn(iface + 6, ","), iface + 6);
	return true;
}

static bool is_up(const char *name)
{
	struct ifreq req = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = true;

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", name);
	if (fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &req) == 0)
		up = (req.ifr_flags & IFF_UP) != 0;
	if (fd >= 0)
		close(fd);
	return up;
}

static bool check_iface(const char *device)
{
	char name[IF_NAMESIZE];

	if (!kernel_iface(device, name))
		return true;
	if (if_nametoindex(name) == 0) {
		log_err("port: there is no interface %s here. List them with: ip link", name);
		return false;
	}
	if (!is_up(name))
		log_warn("port: interface %s is down; nothing passes until: ip link set %s up",
			name, name);
	return true;
}

static void explain_vdev(const char *device)
{
	if (geteuid() != 0)
		log_err("port: %s can't be opened without root or CAP_NET_RAW and CAP_NET_ADMIN",
			device);
	else
		log_err("port: DPDK made no device of \"%s\". Its driver said why above, or the "
			"name before the comma is that of no driver that is installed",
			device);
}

static void explain_device(const char *device)
{
	if (eal_is_pci(device))
		explain_pci(device);
	else
		explain_vdev(device);
}

bool eal_start(const struct eal_config *config)
{
	static struct eal_args args; // the EAL keeps pointers into it
	bool huge;

	if (!check_iface(config->device) || !choose_huge(config, &huge))
		return false;
	eal_args_make(config, huge, &args);
	if (args.full) {
		log_err("eal_args: too long; at most %d arguments of together %d bytes",
			EAL_ARGS_MAX, EAL_ARG_SPACE);
		return false;
	}
	if (rte_eal_init(args.argc, args.argv) < 0) {
		log_err("DPDK did not start: %s", rte_strerror(rte_errno));
		if (config->extra_n)
			log_err("check `dataplane: eal_args`, which are handed to DPDK as they "
				"are");
		explain_device(config->device);
		return false;
	}
	if (rte_eth_dev_count_avail() == 0) {
		explain_device(config->device);
		rte_eal_cleanup();
		return false;
	}
	log_info("DPDK started with %s", huge ? "huge pages" : "ordinary pages");
	return true;
}

void eal_stop(void)
{
	rte_eal_cleanup();
}
