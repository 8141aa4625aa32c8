// notify.h: telling systemd how the service is doing, by sd_notify's datagram.
// SPDX-License-Identifier: GPL-2.0-or-later
#ifndef BERTH_BASE_NOTIFY_H
#define BERTH_BASE_NOTIFY_H

// Sends STATE ("READY=1", "STATUS=...", lines apart by '\n') to $NOTIFY_SOCKET; without one it does nothing. Any
// thread. sd_notify(3).
void notify_send(const char *state);

#endif
