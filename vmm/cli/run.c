// run.c: `berth run VM.vmx`: check, build, serve the console, start, wait for the end.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/run.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/vmware_lock.h"
#include "cli/run_identity.h"
#include "kvm/host.h"
#include "kvm/nested_host.h"
#include "machine/control.h"
#include "machine/machine.h"
#include "machine/pci_plan.h"
#include "vmx/config.h"
#include "vmx/load.h"
#include "vmx/vmx_file.h"

#define LOOP_ENTRIES  256u
#define CLOSE_SECONDS 30u       // flushing and closing the disks after the guest's end

static const char usage_text[] =
	"Usage: berth run [options] VM.vmx\n"
	"Runs the VM in the foreground until the guest powers off.\n"
	"\n"
	"  --console         join the first serial port to this terminal (Ctrl-] q leaves and stops the VM)\n"
	"  --bios FILE       SeaBIOS image instead of the packaged one (key berth.bios)\n"
	"  --vgabios FILE    VGA BIOS image (key berth.vgabios)\n"
	"  --debugcon FILE   write what the firmware says on port 402h to FILE\n"
	"  --no-log          do not write vmware.log in the VM's folder\n"
	"  -v, --verbose     say more; -q, --quiet say only what needs attention\n"
	"  -h, --help        this text\n"
	"\n"
	"SIGTERM and SIGINT press the power button and wait (key berth.stopTimeout, 60 s); a second one stops at once.\n"
	"Exit codes: 0 guest powered off, 2 usage, 3 configuration, 4 host cannot run it, 5 disk error,\n"
	"6 guest crashed, 7 stopped hard, 8 already running or suspended. See berth(1).\n";

struct run {
	struct vm_config *config;
	struct vm_config *now;          // as the .vmx was when it was read again last; NULL = never
	struct vmx_file *file;
	struct vmx_report report;
	struct loop *loop;
	struct machine *machine;
	struct control *control;
	struct loop_fd *signals;
	int signal_fd, lock_fd;
	struct vmware_lock *vmware_lock;        // the .vmx's .lck
	bool console, no_log;
	bool keeps_redo;                // a redo log must not be forgotten
	const char *vmx, *bios, *vgabios, *debugcon;
};

enum { OPT_CONSOLE = 256, OPT_BIOS, OPT_VGABIOS, OPT_DEBUGCON, OPT_NO_LOG };

static const struct option options[] = {
	{ "console", no_argument, NULL, OPT_CONSOLE },
	{ "bios", required_argument, NULL, OPT_BIOS },
	{ "vgabios", required_argument, NULL, OPT_VGABIOS },
	{ "debugcon", required_argument, NULL, OPT_DEBUGCON },
	{ "no-log", no_argument, NULL, OPT_NO_LOG },
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

// -1 = go on, otherwise the exit code.
static int parse(struct run *run, int argc, char **argv)
{
	int c;

	optind = 1;
	while ((c = getopt_long(argc, argv, "vqh", options, NULL)) != -1) {
		switch (c) {
		case OPT_CONSOLE: run->console = true; break;
		case OPT_BIOS: run->bios = optarg; break;
		case OPT_VGABIOS: run->vgabios = optarg; break;
		case OPT_DEBUGCON: run->debugcon = optarg; break;
		case OPT_NO_LOG: run->no_log = true; break;
		case 'v': log_set_level(LOG_DEBUG); break;
		case 'q': log_set_level(LOG_WARN); break;
		case 'h': fputs(usage_text, stdout); return EXIT_GUEST_OFF;
		default: fputs("Try `berth run --help`.\n", stderr); return EXIT_USAGE;
		}
	}
	if (optind != argc - 1) {
		fputs("berth run: name one .vmx file. Try `berth run --help`.\n", stderr);
		return EXIT_USAGE;
	}
	run->vmx = argv[optind];
	return -1;
}

static enum exit_code tell(const struct err *err)
{
	char text[1200];

	log_error("%s", err_sentence(err, text, sizeof(text)));
	return err->exit ? err->exit : EXIT_INTERNAL;
}

static void tell_problems(const struct run *run)
{
	static const enum log_level level[] = {
		[VMX_NOTE] = LOG_DEBUG, [VMX_WARNING] = LOG_WARN, [VMX_ERROR] = LOG_ERROR };

	for (size_t i = 0; i < run->report.count; i++) {
		const struct vmx_problem *p = &run->report.list[i];

		if (p->line)
			log_msg(level[p->severity], "%s:%u: %s%s%s.", run->vmx, p->line, p->key ? p->key : "",
				p->key ? ": " : "", p->text);
		else
			log_msg(level[p->severity], "%s: %s%s%s.", run->vmx, p->key ? p->key : "", p->key ? ": " : "",
				p->text);
	}
}

static int load(struct run *run, struct err *err)
{
	int r = vm_config_load(run->vmx, &run->config, &run->file, &run->report, err);
	struct pci_plan plan;

	if (run->config)
		pci_plan_make(run->config, &plan, &run->report);
	tell_problems(run);
	if (r < 0) {
		if (!err->code)
			err_set(err, -r, run->vmx, "%zu problem%s stop%s the start", run->report.errors,
				run->report.errors == 1 ? "" : "s", run->report.errors == 1 ? "s" : "");
		err_exit(err, run->report.exit ? run->report.exit : EXIT_CONFIG);
		return r;
	}
	// The guest's identity must be known before its tables are made; it is saved when nothing can fail any more.
	r = run_identity(&run->config, run->file, isatty(STDIN_FILENO) && isatty(STDERR_FILENO), err);
	if (r < 0)
		return r;
	if (run->bios) {
		free(run->config->bios_path);
		run->config->bios_path = strdup(run->bios);
	}
	if (run->vgabios) {
		free(run->config->vgabios_path);
		run->config->vgabios_path = strdup(run->vgabios);
	}
	return 0;
}

// --- one run at a time ---------------------------------------------------------------------------------

static bool same_file(int a, int b)
{
	struct stat sa, sb;

	return a >= 0 && fstat(a, &sa) == 0 && fstat(b, &sb) == 0 && sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

// A lock on the .vmx itself: it ends with the process, however that ends, and leaves nothing behind. Rewriting
// the file replaces it, so the lock is taken anew on the new one.
static int lock_vmx(struct run *run, struct err *err)
{
	struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(run->config->vmx_path, O_RDWR | O_CLOEXEC);

	if (fd >= 0 && same_file(run->lock_fd, fd)) {
		close(fd);
		return 0;
	}

	if (fd < 0 && (errno == EACCES || errno == EROFS))
		return 0;               // a read-only folder: nothing of it will be written either
	if (fd < 0)
		return err_set(err, errno, run->vmx, "cannot be opened: %s", strerror(errno));
	if (fcntl(fd, F_OFD_SETLK, &fl) < 0) {
		close(fd);
		err_set(err, EBUSY, run->vmx, "this VM is already running");
		err_remedy(err, "`berth list` shows it; `berth stop` ends it");
		err_exit(err, EXIT_BUSY);
		return -EBUSY;
	}
	if (run->lock_fd >= 0)
		close(run->lock_fd);
	run->lock_fd = fd;
	return run->vmware_lock ? 0 : vmware_lock_take(run->config->vmx_path, true, &run->vmware_lock, err);
}

// --- what a run writes into the .vmx -------------------------------------------------------------------

// A folder that cannot be written is no reason not to run: the disks decide about that.
static int save_vmx(struct run *run, struct err *err)
{
	struct err save_err = { 0 };
	char text[1200];

	if (vmx_file_save(run->file, &save_err) < 0) {
		log_warn("%s", err_sentence(&save_err, text, sizeof(text)));
		return 0;
	}
	return lock_vmx(run, err);
}

static void set_redo(void *arg, const char *node, const char *path, bool kept)
{
	struct run *run = arg;
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char key[64];

	snprintf(key, sizeof(key), "%s.redo", node);
	run->keeps_redo |= kept;
	// Names are relative to workingDir or to the folder of the disk, which is where redo logs are looked for.
	if (*path || vmx_file_find(run->file, key))
		vmx_file_set(run->file, key, name, NULL);
}

// A redo log that nothing names would be lost at the end.
static int redo_is_named(const struct run *run, struct err *err)
{
	if (!run->keeps_redo || !vmx_file_changed(run->file))
		return 0;
	err_set(err, EROFS, run->vmx, "cannot be written, and the redo log of a disk must be noted in it");
	err_remedy(err, "Make the file and its folder writable, or set the mode of its disks to nonpersistent");
	err_exit(err, EXIT_CONFIG);
	return -EROFS;
}

// As VMware does, so that the next start, here or there, finds every device where it was.
static void note_slots(struct run *run)
{
	char key[VM_PCI_NODE + 16], value[16];
	struct pci_plan plan;

	pci_plan_make(run->config, &plan, NULL);
	for (size_t i = 0; i < plan.count; i++) {
		const struct pci_plan_entry *e = &plan.entry[i];

		if (!e->in_file || e->number < 0 || e->number == e->asked)
			continue;
		snprintf(key, sizeof(key), "%s.pciSlotNumber", e->node);
		snprintf(value, sizeof(value), "%d", e->number);
		vmx_file_set(run->file, key, value, NULL);
	}
}

static int mark_started(struct run *run, struct err *err)
{
	int r;

	// "Once" is over now: VMware resets it as well.
	if (run->config->force_setup_once)
		vmx_file_set(run->file, "bios.forceSetupOnce", "FALSE", NULL);
	note_slots(run);
	vmx_file_set(run->file, "cleanShutdown", "FALSE", NULL);
	machine_each_redo(run->machine, set_redo, run);
	r = save_vmx(run, err);
	return r < 0 ? r : redo_is_named(run, err);
}

static void mark_stopped(struct run *run, enum exit_code code)
{
	vmx_file_set(run->file, "cleanShutdown", "TRUE", NULL);
	vmx_file_set(run->file, "softPowerOff", code == EXIT_GUEST_OFF ? "TRUE" : "FALSE", NULL);
	machine_each_redo(run->machine, set_redo, run);
	save_vmx(run, NULL);
}

// --- devices that come and go --------------------------------------------------------------------------

// The .vmx may have been edited since the start. What this run has to write goes into the new one from now on.
static int reload(void *arg, const struct vm_config **config, struct err *err)
{
	struct run *run = arg;
	struct vmx_report report = { 0 };
	struct vm_config *now = NULL;
	struct vmx_file *file = NULL;
	int r = vmx_file_load(run->config->vmx_path, &file, err);

	if (!r)
		r = vm_config_from(file, run->config->vmx_path, &now, &report);
	if (r < 0 && !err->code) {
		err_set(err, EINVAL, run->vmx, "has %zu problems now", report.errors);
		err_remedy(err, "`berth check` shows them");
	}
	vmx_report_free(&report);
	if (!r)
		r = run_identity_complete(&now, file, err);
	if (r < 0) {
		vm_config_free(now);
		vmx_file_free(file);
		return r;
	}
	vmx_file_free(run->file);
	vm_config_free(run->now);
	run->file = file;
	run->now = now;
	*config = now;
	return 0;
}

// As VMware does: what was taken out stays out, what came keeps its place.
static void plugged(void *arg, const char *node, int number)
{
	struct run *run = arg;
	const struct vm_config *now;
	struct err err = { 0 };
	char key[VM_PCI_NODE + 16], value[16], text[1200];

	if (number < 0 && reload(run, &now, &err) < 0)
		log_warn("%s; %s will be there again at the next start", err_sentence(&err, text, sizeof(text)), node);
	if (err.code)
		return;
	snprintf(key, sizeof(key), number < 0 ? "%s.present" : "%s.pciSlotNumber", node);
	snprintf(value, sizeof(value), "%d", number);
	vmx_file_set(run->file, key, number < 0 ? "FALSE" : value, NULL);
	if (save_vmx(run, &err) < 0)
		log_warn("%s", err_sentence(&err, text, sizeof(text)));
}

// --- signals -------------------------------------------------------------------------------------------

// systemd would kill at its TimeoutStopSec=, which may be shorter than what the .vmx grants the guest.
static void notify_stopping(const struct run *run)
{
	char text[96];

	snprintf(text, sizeof(text), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%llu",
		 (run->config->stop_timeout + CLOSE_SECONDS) * 1000000ull);
	notify_send(text);
}

static void on_signal(void *arg, uint32_t revents)
{
	struct run *run = arg;
	struct signalfd_siginfo info;

	(void)revents;
	if (read(run->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	log_info("%s: %s", run->config->name, strsignal((int)info.ssi_signo));
	if (machine_stop_asked(run->machine) || info.ssi_signo == SIGHUP)
		machine_stop_hard(run->machine);
	else
		machine_stop_politely(run->machine, 0);
	notify_stopping(run);
}

// Blocked before any thread exists, so that every thread inherits it and the loop alone sees them.
static int block_signals(struct run *run, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);       // a file size limit is an error of the write, not the end
	run->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return err_set(err, errno, "signals", "no signalfd: %s", strerror(errno));
	return 0;
}

// The machine whose terminal a fatal signal must give back its modes; a handler gets no argument.
static struct machine *fatal_machine;

static void on_fatal(int sig)
{
	if (fatal_machine)
		machine_restore_terminal(fatal_machine);
	raise(sig);             // SA_RESETHAND: now it does what it always did
}

static void restore_terminal_when_dying(struct machine *m)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT };
	struct sigaction sa = { .sa_handler = on_fatal, .sa_flags = SA_RESETHAND };

	fatal_machine = m;
	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < ARRAY_SIZE(fatal); i++)
		sigaction(fatal[i], &sa, NULL);
}

// --- the run -------------------------------------------------------------------------------------------

static void on_event(void *arg, const char *event)
{
	struct run *run = arg;
	char status[64];

	snprintf(status, sizeof(status), "STATUS=%s", event);
	notify_send(status);
	control_event(run->control, event);
}

// A split disk of 2 TB is a thousand files.
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

// What this host's owner says, then what the VM asks for and the host can give.
static int check_host(struct run *run, struct err *err)
{
	struct host_probe probe = host_probe_real();
	struct host_config host;
	int r = host_config_load(HOST_CONFIG_PATH, &host, err);

	return r < 0 ? r : nested_start(&probe, &host, run->config, err);
}

static int create(struct run *run, struct err *err)
{
	struct machine_args args = { .config = run->config, .console = run->console, .debugcon_path = run->debugcon,
				     .on_event = on_event, .reload = reload, .plugged = plugged, .event_arg = run };
	int r = check_host(run, err);

	raise_file_limit();
	if (!r)
		r = lock_vmx(run, err);
	if (!r)
		r = block_signals(run, err);
	if (!r)
		r = loop_create(&run->loop, "main", LOOP_ENTRIES, err);
	args.loop = run->loop;
	if (!r)
		r = machine_create(&args, &run->machine, err);
	if (!r)
		r = control_create(run->machine, &run->control, err);
	if (!r && run->console)
		restore_terminal_when_dying(run->machine);
	if (!r)
		run->signals = loop_fd_add(run->loop, run->signal_fd, POLLIN, on_signal, run);
	return r;
}

// A start that fails leaves the folder as it was, so the log is opened when it has not.
static void open_log(const struct run *run)
{
	if (!run->no_log && run->config->log_enabled && log_open_file(run->config->log_path) < 0)
		log_warn("%s: the log cannot be written there", run->config->log_path);
}

static enum exit_code go(struct run *run, struct err *err)
{
	enum exit_code code;
	int r = mark_started(run, err);

	if (r < 0)
		return tell(err);
	open_log(run);
	log_info("%s: starting", run->config->name);
	machine_start(run->machine);
	notify_send("READY=1");
	code = machine_run(run->machine, err);
	mark_stopped(run, code);
	if (err->code) {
		err_exit(err, code);
		tell(err);
	}
	log_info("%s: ended with exit code %d", run->config->name, (int)code);
	return code;
}

static void clean_up(struct run *run)
{
	loop_fd_remove(run->signals);
	control_destroy(run->control);
	fatal_machine = NULL;
	machine_destroy(run->machine);
	loop_destroy(run->loop);
	if (run->signal_fd >= 0)
		close(run->signal_fd);
	vmware_lock_release(run->vmware_lock);
	if (run->lock_fd >= 0)
		close(run->lock_fd);
	log_close_file();
	vmx_file_free(run->file);
	vmx_report_free(&run->report);
	vm_config_free(run->now);
	vm_config_free(run->config);
}

int run_main(int argc, char **argv)
{
	struct run run = { .signal_fd = -1, .lock_fd = -1 };
	struct err err = { 0 };
	int code = parse(&run, argc, argv);

	if (code >= 0)
		return code;
	if (load(&run, &err) < 0 || create(&run, &err) < 0)
		code = (int)tell(&err);
	else
		code = (int)go(&run, &err);
	clean_up(&run);
	return code;
}
