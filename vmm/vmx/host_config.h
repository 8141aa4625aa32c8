// host_config.h: what this host's owner says about all VMs: /etc/berth/config, in the grammar of a .vmx.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_VMX_HOST_CONFIG_H
#define BERTH_VMX_HOST_CONFIG_H

#include "base/err.h"
#include "vmx/config.h"

#define HOST_CONFIG_PATH "/etc/berth/config"

struct host_config {
	enum vm_said vhv_allow;         // vhv.allow
	enum vm_said allow_nested;      // vmx.allowNested
};

// Reads PATH. A file that is not there says nothing and is fine; keys of others are left alone. -errno and ERR
// (EXIT_CONFIG) when it cannot be read or a key's value is neither TRUE nor FALSE.
int host_config_load(const char *path, struct host_config *out, struct err *err);

#endif
