// config.h: a VM as its .vmx describes it: plain data, typed, validated, defaults filled in.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// Made by vm_config_load(); nothing behind it sees the dictionary's text. Paths are resolved (absolute). Strings
// belong to the vm_config. Facts: reference keys in docs/keys.md.
#ifndef BERTH_VMX_CONFIG_H
#define BERTH_VMX_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct vmx_file;

#define VM_MAX_CPUS     255u
#define VM_IDE_CHANNELS 2u
#define VM_SERIALS      4u

// berth.memory.backing: pages of 4 KiB, transparent huge pages, or those of the host's pool.
enum vm_memory_backing { VM_MEMORY_THP, VM_MEMORY_HUGETLB, VM_MEMORY_NORMAL };

#define VM_AFFINITY_CPUS 1024u

enum vm_firmware { VM_FIRMWARE_BIOS, VM_FIRMWARE_EFI };

// What becomes of a guest's writes; without VM_DISK_PERSISTENT they go to a redo log.
enum vm_disk_mode { VM_DISK_PERSISTENT, VM_DISK_NONPERSISTENT, VM_DISK_UNDOABLE, VM_DISK_APPEND };

enum vm_drive_kind { VM_DRIVE_NONE, VM_DRIVE_DISK, VM_DRIVE_CDROM };

struct vm_drive {
	enum vm_drive_kind kind;
	char *node;             // "ide0:0", lower case
	char *path;             // resolved; NULL = empty drive (CD), host device or client device
	bool connected;         // startConnected; CD: tray holds the medium
	bool write_through;
	enum vm_disk_mode mode;
	bool independent;       // snapshots leave it out
	char *redo;             // redo log of an earlier run, as .redo names it; NULL = none
	bool ssd;               // virtualSSD
};

// answer.msg.ID = TEXT
struct vm_answer { char *id, *text; };

enum vm_serial_kind { VM_SERIAL_NONE, VM_SERIAL_NULL, VM_SERIAL_FILE, VM_SERIAL_PIPE, VM_SERIAL_NETWORK };

struct vm_serial {
	enum vm_serial_kind kind;
	char *path;             // file or socket path, or network URI
	bool server;            // pipe and network: we listen
	bool no_rx_loss;        // tryNoRxLoss
	bool append;            // answer.msg.serial.file.open is not "Replace"
};

struct vm_vnc {
	bool enabled;
	uint16_t port;
	char *ip;               // default "127.0.0.1"
	char *password;         // NULL = none; only 8 bytes count
	uint8_t key[128];       // decoded RemoteDisplay.vnc.key (the DES schedule)
	bool has_key;
	int max_connections;    // -1 = unlimited
};

// A function that has a place on PCI, or a number for one (*.pciSlotNumber).
enum vm_pci_kind {
	VM_PCI_BRIDGE,          // pciBridgeN: PCI
	VM_PCI_ROOT_PORT,       // pciBridgeN: PCIe, with functions
	VM_PCI_BUS0,            // sits on bus 0 unless its number says otherwise: parallel scsi0
	VM_PCI_LEGACY,          // behind a PCI bridge
	VM_PCI_EXPRESS,         // behind a root port
	VM_PCI_NUMBER,          // keeps a number of the PCI bridge's and is elsewhere: vmci0
};

#define VM_PCI_MAX  48u
#define VM_PCI_NODE 16u
#define VM_NICS     10u

struct vm_pci {
	char node[VM_PCI_NODE]; // "ethernet0", "pciBridge4", as the keys are spelled
	enum vm_pci_kind kind;
	int slot;               // pciSlotNumber as written, sound or not; -1 = none
	unsigned line;          // of that key, 0 = not in the file
	unsigned functions;     // root ports: 1..8
};

enum vm_nic_kind { VM_NIC_NONE, VM_NIC_VLANCE, VM_NIC_VMXNET, VM_NIC_VMXNET3, VM_NIC_E1000, VM_NIC_E1000E };

struct vm_nic {
	enum vm_nic_kind kind;
	bool has_mac;           // false: derived from uuid.bios, see vm_nic_mac()
	uint8_t mac[6];
};

// One character of a cpuid mask a bit, MSB first, as vmx-keys 2.2 lists them; '-' = no override.
struct vm_cpuid_mask {
	uint32_t leaf;
	unsigned reg;           // 0 eax, 1 ebx, 2 ecx, 3 edx
	char vendor;            // 'a' amd only, 'i' intel only, 0 both
	char bits[33];
	char key[64];           // where it comes from
};

// A switch that may be left alone.
enum vm_said { VM_SAID_NOTHING, VM_SAID_FALSE, VM_SAID_TRUE };

// Whether the guest is to be a hypervisor, and who says so.
struct vm_nesting {
	enum vm_said said;      // TRUE: the guest must have it; FALSE: it must not, whatever the host allows
	bool if_possible;       // with NOTHING: give it where the host can
	const char *by;         // key that decided; static or of a mask, NULL = none
	enum vm_said allow_nested;      // vmx.allowNested
};

// Enlightenments of Hyper-V, berth.hyperv.NAME; the order is that of the table in kvm/hyperv.c.
enum vm_hyperv {
	VM_HV_RELAXED, VM_HV_VAPIC, VM_HV_TIME, VM_HV_VPINDEX, VM_HV_RUNTIME, VM_HV_RESET, VM_HV_SYNIC, VM_HV_STIMER,
	VM_HV_FREQUENCIES, VM_HV_REENLIGHTENMENT, VM_HV_TLBFLUSH, VM_HV_IPI, VM_HV_EVMCS, VM_HV_COUNT,
};

struct vm_config {
	char *vmx_path;         // absolute
	char *dir;              // folder of the .vmx, absolute
	char *name;             // displayName, or the file's base name
	int hw_version;         // virtualHW.version
	char *guest_os;         // guestOS, lower case; "other" when absent
	bool guest_64;          // guestOS can run 64-bit code
	unsigned cpus, cores_per_socket;
	uint64_t mem_mb;
	enum vm_memory_backing mem_backing;
	bool mem_locked;        // sched.mem.pin
	bool has_affinity;      // sched.cpu.affinity: host CPUs that may run vCPUs, one bit each
	uint64_t affinity[VM_AFFINITY_CPUS / 64];
	enum vm_firmware firmware;
	uint8_t uuid_bios[16];
	bool has_uuid_bios;     // false: the start generates one and writes it back
	char *uuid_bios_text;   // as printed in the file: "56 4d ... -..."
	bool has_genid;         // the machine has VMware's VM generation ID device
	uint8_t genid[16];      // vm.genid, vm.genidX: the GUID's bytes as the guest reads them
	bool vmci;              // vmci0.present
	uint32_t vmci_id;       // context ID
	bool hypervisor_leaves; // hypervisor.cpuid.v0
	bool nested;            // the guest sees VMX or SVM; nested_start() has the last word
	struct vm_nesting nesting;
	bool pmu;               // vpmc.enable
	uint32_t hyperv;        // bit of each enum vm_hyperv that is on
	uint32_t hyperv_spinlocks;      // berth.hyperv.spinlocks: tries before a guest tells of a long wait, 0 = never
	bool restrict_backdoor; // monitor_control.restrict_backdoor
	bool hpet;              // hpet0.present
	bool hot_add;           // mem.hotadd, or vcpu.hotadd without nesting
	bool smbios_reflect_host;
	bool hot_plug;                  // devices.hotplug
	bool smbios_no_oem_strings;
	bool smbios_add_host_vendor;    // smbios.addHostVendor
	bool smbios_short_serial;       // SMBIOS.use12CharSerialNumber
	// hw.model, board-id, serialNumber, or NULL; the flags: take the host's instead.
	char *hw_model, *board_id, *serial_number;
	bool hw_model_host, board_id_host, serial_number_host;
	struct vm_cpuid_mask *cpuid_masks;
	size_t cpuid_mask_count;
	unsigned phys_bits;     // monitor.phys_bits_used, 0 = the host's
	struct vm_drive ide[VM_IDE_CHANNELS][2];
	struct vm_serial serial[VM_SERIALS];
	struct vm_pci pci[VM_PCI_MAX];  // what the file has, in the order in which VMware gives out numbers
	size_t pci_count;
	struct vm_nic nic[VM_NICS];
	bool usb, ehci;         // UHCI, EHCI
	struct vm_vnc vnc;
	char *boot_order;       // bios.bootOrder as written, or NULL
	char *hdd_order;        // bios.hddOrder, or NULL
	unsigned boot_delay_ms;
	bool force_setup_once;  // bios.forceSetupOnce
	uint64_t svga_vram;     // bytes, 4 MiB .. 128 MiB
	unsigned svga_max_width, svga_max_height;
	bool vmmouse;
	char *working_dir;      // workingDir, or NULL
	char *nvram_path;       // Berth's own file of firmware settings
	bool log_enabled;       // logging
	char *log_path;         // log.fileName, default <dir>/vmware.log
	bool disk_allow_outside;        // berth.disk.allowOutside
	bool disk_unlocked;             // disk.locking is FALSE
	bool disk_hold_reads;           // berth.disk.onReadError is "stop"
	bool auto_answer;               // msg.autoAnswer
	struct vm_answer *answers;
	size_t answer_count;
	bool disk_direct;               // berth.disk.cache = "direct"
	bool disk_ignore_parent_cid;    // berth.disk.ignoreParentCID
	bool disk_allow_device;         // berth.disk.allowDevice
	char *bios_path;        // berth.bios: SeaBIOS image, or NULL = search
	char *vgabios_path;     // berth.vgabios, or NULL = search
	int64_t rtc_diff;       // rtc.diffFromUTC seconds
	bool has_rtc_start;
	int64_t rtc_start;      // rtc.startTime, seconds since 1970
	unsigned stop_timeout;  // berth.stopTimeout: seconds a polite stop waits; default 60
};

enum vmx_severity { VMX_NOTE, VMX_WARNING, VMX_ERROR };

struct vmx_problem {
	enum vmx_severity severity;
	unsigned line;          // 0 = the file as a whole (a key that is missing)
	char *key;              // or NULL
	char *text;             // what is wrong and what to do, one sentence without the final period
};

struct vmx_report {
	struct vmx_problem *list;
	size_t count;
	size_t errors;
	enum exit_code exit;    // what a start should exit with when errors > 0
};

// What becomes of one key of the file.
enum vmx_fate {
	VMX_HONOURED,           // does what it does on VMware
	VMX_HARMLESS,           // accepted; has no meaning here (UI state, host policy)
	VMX_NOT_YET,            // known, not honoured yet: the VM runs without it
	VMX_REFUSED,            // would change the machine; a start stops here
	VMX_INACTIVE,           // belongs to a device whose .present is FALSE
	VMX_UNKNOWN,            // kept when the file is rewritten
};

// Reads and validates PATH. Always gives a report (all problems of one run). Returns 0 with *OUT and *FILE set when
// nothing stops a start; -errno otherwise (then *OUT may be set too, for `berth check`; *FILE when it could be
// parsed). Only a file that cannot be read at all fills ERR. Caller frees all with the functions below.
int vm_config_load(const char *path, struct vm_config **out, struct vmx_file **file, struct vmx_report *report, struct err *err);
void vm_config_free(struct vm_config *config);
// The address of adapter N, when uuid_bios is known: what the file says, or what follows from the UUID.
void vm_nic_mac(const struct vm_config *config, unsigned n, uint8_t mac[6]);
// Adds a problem that showed later than loading, as those of vm_config_load() are. Out of memory: it is counted.
void vmx_report_add(struct vmx_report *report, enum vmx_severity severity, unsigned line, const char *key,
		    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
void vmx_report_free(struct vmx_report *report);

#endif
