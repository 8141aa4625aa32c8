// guests.c: the guestOS identifiers of VMware.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "vmx/guests.h"

#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "vmx/keys.h"

static const char *const known[] = {
	"{dos|win31|win95|win98|winMe|winNT|win2000pro|win2000serv|win2000advserv|winHyperV}",
	"{winXPHome|winXPPro|winNetWeb|winNetStandard|winNetEnterprise}{|-64}",
	"{winNetDatacenter|winNetBusiness}{|-64}",
	"{longhorn|winvista|windows7|windows8|windows9|windows11|windows12}{|-64}",
	"windows{7|8|9|10|11}srv{|-64}",
	"windows{2019|2022|2025}srv{|Next}-64",
	"{redhat|rhel%d|centos|centos%d|oraclelinux|oraclelinux%d}{|-64}",
	"{suse|sles|sles%d|opensuse|ubuntu|debian|debian%d|fedora|asianux%d}{|-64}",
	"{mandrake|mandriva|turbolinux}{|-64}",
	"{vmware-photon|coreos|flatcar|crxpod1|crxsys1|amazonlinux%d|almalinux|rockylinux|miraclelinux}-64",
	"{fusionos|prolinux|kylinlinux}-64",
	"{linux|otherlinux|other24xlinux|other26xlinux|other%dxlinux|nld9|oes|sjds}{|-64}",
	"{netware%d|solaris%d|freeBSD|freeBSD%d|darwin|darwin%d|other}{|-64}",
	"{os2|eComStation|eComStation2|openserver%d|unixware%d|vmkernel|vmkernel%d}",
	"arm-*",
};

static bool ends_with(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n >= t && !strcasecmp(name + n - t, tail);
}

static bool starts_with(const char *name, const char *head) { return !strncasecmp(name, head, strlen(head)); }

struct guest_traits guest_lookup(const char *name)
{
	struct guest_traits t = {
		.is_64 = ends_with(name, "-64") || starts_with(name, "darwin") ||
			 starts_with(name, "vmkernel") || !strcasecmp(name, "winHyperV"),
		.arm = starts_with(name, "arm-"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(known) && !t.known; i++)
		t.known = vmx_pattern_match(known[i], name, NULL, NULL);
	return t;
}
