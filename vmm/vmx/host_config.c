// host_config.c: reading /etc/berth/config.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/host_config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "vmx/value.h"
#include "vmx/vmx_file.h"

static int read_said(const struct vmx_file *file, const char *key, enum vm_said *out, struct err *err)
{
	const char *value = vmx_file_get(file, key);
	bool on;

	if (!value || !*value)
		return 0;
	if (value_bool(value, &on) < 0) {
		err_set(err, EINVAL, vmx_file_path(file), "%s: \"%.60s\" is not TRUE or FALSE", key, value);
		err_exit(err, EXIT_CONFIG);
		return -EINVAL;
	}
	*out = on ? VM_SAID_TRUE : VM_SAID_FALSE;
	return 0;
}

int host_config_load(const char *path, struct host_config *out, struct err *err)
{
	struct vmx_file *file;
	int r;

	*out = (struct host_config){ VM_SAID_NOTHING, VM_SAID_NOTHING };
	if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	r = vmx_file_load(path, &file, err);
	if (r < 0)
		return r;
	r = read_said(file, "vhv.allow", &out->vhv_allow, err);
	if (!r)
		r = read_said(file, "vmx.allowNested", &out->allow_nested, err);
	vmx_file_free(file);
	return r;
}
