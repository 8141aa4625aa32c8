// unit_cmd.c: `berth enable NAME VM.vmx` writes a drop-in for berth@NAME.service and enables it; `disable` undoes it.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// The template unit is the same for all VMs and hardened; the drop-in says which .vmx, which user (the owner of the VM's
// folder), and the one folder that may be written.
#include "cli/unit_cmd.h"

#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "cli/options.h"
#include "cli/unit_sched.h"
#include "vmx/vmx_file.h"

#define SYSTEM_UNITS "/etc/systemd/system"
#define NAME_MAX_LEN 64u

struct unit {
	const char *name;
	bool user;                      // of the user's own service manager
	char dir[PATH_MAX];             // folder of the drop-in
	char file[PATH_MAX];
};

// Letters, digits, '-', '_', '.': what needs no escaping in a unit's name.
static bool good_name(const char *name)
{
	size_t n = strlen(name);

	if (!n || n > NAME_MAX_LEN || *name == '.' || *name == '-')
		return false;
	for (const char *p = name; *p; p++) {
		if (!isascii(*p) || (!isalnum((unsigned char)*p) && !strchr("-_.", *p)))
			return false;
	}
	return true;
}

static int find_unit(struct unit *u, struct err *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	char base[PATH_MAX];

	if (!good_name(u->name)) {
		err_set(err, EINVAL, u->name, "is not a name for a unit");
		err_remedy(err, "Use letters, digits, '-', '_' and '.', at most %u", NAME_MAX_LEN);
		err_exit(err, EXIT_USAGE);
		return -EINVAL;
	}
	if (!u->user)
		snprintf(base, sizeof(base), "%s", SYSTEM_UNITS);
	else if (config && *config == '/')
		snprintf(base, sizeof(base), "%s/systemd/user", config);
	else if (home && *home == '/')
		snprintf(base, sizeof(base), "%s/.config/systemd/user", home);
	else
		return err_set(err, ENOENT, "HOME", "is not set: it is not known where your units are");
	if ((size_t)snprintf(u->dir, sizeof(u->dir), "%s/berth@%s.service.d", base, u->name) >= sizeof(u->dir) ||
	    (size_t)snprintf(u->file, sizeof(u->file), "%s/vm.conf", u->dir) >= sizeof(u->file))
		return err_set(err, ENAMETOOLONG, u->name, "the path of its drop-in is too long");
	return 0;
}

static int make_path(const char *path, struct err *err)
{
	char copy[PATH_MAX];

	snprintf(copy, sizeof(copy), "%s", path);
	for (char *p = copy + 1;; p++) {
		bool end = !*p;

		if (*p != '/' && !end)
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST) {
			int r = err_set(err, errno, copy, "cannot be made: %s", strerror(errno));

			if (r == -EACCES)
				err_remedy(err, "Run it as root, or with --user for a unit of your own");
			return r;
		}
		if (end)
			return 0;
		*p = '/';
	}
}

// systemd reads '%' as the start of a specifier, and quotes and backslashes as C does.
static int quote(const char *path, char *out, size_t size, struct err *err)
{
	size_t n = 0;

	for (; *path; path++) {
		if ((unsigned char)*path < 0x20)
			return err_set(err, EINVAL, path, "the path holds a control character");
		if (n + 3 >= size)
			return err_set(err, ENAMETOOLONG, path, "the path is too long");
		if (*path == '%')
			out[n++] = '%';
		else if (*path == '"' || *path == '\\')
			out[n++] = '\\';
		out[n++] = *path;
	}
	out[n] = '\0';
	return 0;
}

// The owner of the .vmx runs it. Root's VMs are run by the unit's own user, berth, as the template says.
static void name_user(const struct unit *u, uid_t uid, char *buf, size_t size)
{
	const struct passwd *pw = getpwuid(uid);

	*buf = '\0';
	if (u->user || !uid)
		return;
	if (pw)
		snprintf(buf, size, "User=%s\n", pw->pw_name);
	else
		snprintf(buf, size, "User=%u\nGroup=kvm\n", (unsigned)uid);
}

// A .vmx that cannot be read is the start's to complain about.
static void name_limits(const char *vmx, char *buf, size_t size)
{
	struct vmx_file *file;

	*buf = '\0';
	if (vmx_file_load(vmx, &file, NULL) < 0)
		return;
	unit_sched_text(file, unit_host_mhz(), buf, size);
	vmx_file_free(file);
}

static int write_drop_in(const struct unit *u, const char *vmx, const struct stat *st, struct err *err)
{
	char file[2 * PATH_MAX], folder[2 * PATH_MAX], copy[PATH_MAX], owner[128], limits[256], *text;
	int n, r;

	snprintf(copy, sizeof(copy), "%s", vmx);
	r = quote(vmx, file, sizeof(file), err);
	if (!r)
		r = quote(dirname(copy), folder, sizeof(folder), err);
	if (!r)
		r = make_path(u->dir, err);
	if (r < 0)
		return r;
	name_user(u, st->st_uid, owner, sizeof(owner));
	name_limits(vmx, limits, sizeof(limits));
	// A user's service manager cannot close the file system, so there is nothing to open either.
	n = asprintf(&text, "# Written by `berth enable %s`.\n[Service]\n%s%sEnvironment=\"BERTH_VMX=%s\"\n%s%s%s", u->name,
		     owner, limits, file, u->user ? "" : "ReadWritePaths=\"", u->user ? "" : folder, u->user ? "" : "\"\n");
	if (n < 0)
		return err_set(err, ENOMEM, u->file, "no memory to write it");
	r = file_replace(u->file, text, (size_t)n, err);
	free(text);
	return r;
}

// The real path of the .vmx, malloc'ed, and what it is. A folder would be found out only when the unit starts.
static char *find_vmx(const char *arg, struct stat *st, struct err *err)
{
	char *vmx = realpath(arg, NULL);

	if (!vmx || stat(vmx, st) < 0)
		err_set(err, errno, arg, "cannot be found: %s", strerror(errno));
	else if (!S_ISREG(st->st_mode))
		err_set(err, EINVAL, arg, "is not a file; name the .vmx");
	else
		return vmx;
	err_exit(err, EXIT_CONFIG);
	free(vmx);
	return NULL;
}

// Runs systemctl; -1 when there is none or no service manager answers. Its messages go to the terminal.
static int systemctl(const struct unit *u, const char *verb, const char *option)
{
	char unit[128];
	const char *argv[8];
	int n = 0, status;
	pid_t pid;

	snprintf(unit, sizeof(unit), "berth@%s.service", u->name);
	argv[n++] = "systemctl";
	if (u->user)
		argv[n++] = "--user";
	argv[n++] = verb;
	if (option)
		argv[n++] = option;
	if (strcmp(verb, "daemon-reload"))
		argv[n++] = unit;
	argv[n] = NULL;
	pid = fork();
	if (pid < 0)
		return -1;
	if (pid == 0) {
		execvp("systemctl", (char **)(uintptr_t)argv);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -1;
}

static bool systemd_runs(void)
{
	return access("/run/systemd/system", F_OK) == 0;
}

// What the unit needs and `berth enable` cannot give it.
static void tell_user(const struct unit *u, const struct stat *st)
{
	if (u->user)
		printf("It starts when you log in; `loginctl enable-linger` makes it start with the system.\n");
	else if (!st->st_uid)
		printf("The .vmx belongs to root, so the VM runs as the user berth: that user must be able to read and write\n"
		       "the folder and the disks. `chown -R berth FOLDER` gives them to it.\n");
}

int enable_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth enable [--user] [--now] NAME VM.vmx\n"
		"Makes the VM start with the system, as the unit berth@NAME.service, run by the owner of the .vmx.\n"
		"  --user   in your own service manager instead of the system's\n"
		"  --now    start it at once, too\n"
		"Exit codes: 0 done, 2 usage, 3 the .vmx is not there, 1 anything else.\n", 2, 2 };
	struct unit u = { 0 };
	struct err err = { 0 };
	bool now = false;
	struct stat st;
	char *vmx;
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { "user", &u.user, NULL }, { "now", &now, NULL }, { 0 } });

	if (r >= 0)
		return r;
	u.name = argv[optind];
	r = find_unit(&u, &err);
	vmx = r < 0 ? NULL : find_vmx(argv[optind + 1], &st, &err);
	if (vmx)
		r = write_drop_in(&u, vmx, &st, &err);
	free(vmx);
	if (err.code)
		return cli_fail(&err);
	printf("Wrote %s.\n", u.file);
	tell_user(&u, &st);
	if (!systemd_runs()) {
		printf("systemd does not run here: `systemctl %senable berth@%s` later.\n", u.user ? "--user " : "", u.name);
		return 0;
	}
	if (systemctl(&u, "daemon-reload", NULL) < 0 || systemctl(&u, "enable", now ? "--now" : NULL) < 0)
		return EXIT_INTERNAL;
	printf("berth@%s.service is enabled%s.\n", u.name, now ? " and started" : "");
	return 0;
}

int disable_main(int argc, char **argv)
{
	static const struct cli_usage usage = {
		"Usage: berth disable [--user] [--now] NAME\n"
		"Removes what `berth enable` set up. The VM's folder is not touched.\n"
		"  --now    stop it at once, too\n", 1, 1 };
	struct unit u = { 0 };
	struct err err = { 0 };
	bool now = false;
	int r = cli_parse(argc, argv, &usage, (struct cli_flag[]){ { "user", &u.user, NULL }, { "now", &now, NULL }, { 0 } });

	if (r >= 0)
		return r;
	u.name = argv[optind];
	r = find_unit(&u, &err);
	if (r < 0)
		return cli_fail(&err);
	if (access(u.file, F_OK) < 0) {
		err_set(&err, ENOENT, u.name, "was not enabled: there is no %s", u.file);
		err_exit(&err, EXIT_CONFIG);
		return cli_fail(&err);
	}
	if (systemd_runs() && systemctl(&u, "disable", now ? "--now" : NULL) < 0)
		return EXIT_INTERNAL;
	if (unlink(u.file) < 0) {
		err_set(&err, errno, u.file, "cannot be removed: %s", strerror(errno));
		return cli_fail(&err);
	}
	rmdir(u.dir);           // fails when somebody put more drop-ins there: they stay
	if (systemd_runs())
		systemctl(&u, "daemon-reload", NULL);
	printf("berth@%s.service is disabled.\n", u.name);
	return 0;
}
