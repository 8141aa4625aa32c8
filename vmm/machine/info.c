// info.c: what a machine tells about itself.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include "machine/gauge.h"
#include "machine/internal.h"

#include "vnc/vnc.h"

#define RESIDENT_AGE_MS  1000u
#define RESIDENT_WAIT_MS 20u    // the loop's disks wait as long

void machine_info(struct machine *m, struct machine_info *out)
{
	const struct bus_stats *p = bus_stats(m->ports), *mm = bus_stats(m->mmio);

	*out = (struct machine_info){
		.uptime_ns = vclock_now(&m->clock), .resets = m->resets,
		.port_accesses = atomic_load(&p->reads) + atomic_load(&p->writes),
		.mmio_accesses = atomic_load(&mm->reads) + atomic_load(&mm->writes),
		.unclaimed = atomic_load(&p->unclaimed_reads) + atomic_load(&p->unclaimed_writes) +
			     atomic_load(&mm->unclaimed_reads) + atomic_load(&mm->unclaimed_writes),
		.mem_bytes = m->config->mem_mb << 20, .cpus = m->config->cpus,
		.vnc_clients = m->vnc ? vnc_server_clients(m->vnc) : 0,
		.vnc_port = m->vnc ? vnc_server_port(m->vnc) : 0,
		.nested = m->config->nested, .inner_guest = m->config->nested && m->vcpus ? vcpus_inner_active(m->vcpus) : 0,
	};
	if (m->resident)
		out->mem_resident = gauge_read(m->resident, RESIDENT_AGE_MS, RESIDENT_WAIT_MS);
}

void machine_registers(struct machine *m, unsigned cpu, char *buf, size_t size)
{
	if (m->vcpus)
		vcpus_describe(m->vcpus, cpu, buf, size);
	else
		snprintf(buf, size, "CPU %u: switched off", cpu);
}
