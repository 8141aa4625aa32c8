// dsdt.asl: the name space that the guest's ACPI sees: what does not vary between machines.
// SPDX-License-Identifier: GPL-2.0-or-later
//
// What varies is in the dwords DEVS, PCIB and PCIL, which the table builder fills in, and in the SSDT it writes
// (processors). Two readers shape this text besides the operating systems:
// - SeaBIOS has a small parser that stops a scope at anything but names, scopes, devices, methods, fields, regions
//   with constant bounds, mutexes and processors; a keyboard it does not find is not used. So no External, no If
//   at table level, and COM ports and keyboard are here and not in the SSDT.
// - Windows 2000 and XP: integers are 32 bits (table revision 1), no operators of ACPI 2 and later.

// Goes through the C preprocessor first, for the tables that repeat; then through iasl.

// A PCI device's four pins, what each is wired to. Pin A of device d is link (d + 1) & 3, so the rows turn. PIC(): by
// links; APIC(): by IOAPIC inputs.
#define PIC(dev, a, b, c, d) \
	Package () { 0x##dev##FFFF, 0, LNK##a, 0 }, Package () { 0x##dev##FFFF, 1, LNK##b, 0 }, \
	Package () { 0x##dev##FFFF, 2, LNK##c, 0 }, Package () { 0x##dev##FFFF, 3, LNK##d, 0 }
#define PIC4(d0, d1, d2, d3) \
	PIC (d0, B, C, D, A), PIC (d1, C, D, A, B), PIC (d2, D, A, B, C), PIC (d3, A, B, C, D)
#define APIC(dev, a, b, c, d) \
	Package () { 0x##dev##FFFF, 0, 0, a }, Package () { 0x##dev##FFFF, 1, 0, b }, \
	Package () { 0x##dev##FFFF, 2, 0, c }, Package () { 0x##dev##FFFF, 3, 0, d }
#define APIC4(d0, d1, d2, d3) \
	APIC (d0, 17, 18, 19, 16), APIC (d1, 18, 19, 16, 17), APIC (d2, 19, 16, 17, 18), APIC (d3, 16, 17, 18, 19)
#define ALL_DEVICES(rows) \
	rows (0000, 0001, 0002, 0003), rows (0004, 0005, 0006, 0007), rows (0008, 0009, 000A, 000B), \
	rows (000C, 000D, 000E, 000F), rows (0010, 0011, 0012, 0013), rows (0014, 0015, 0016, 0017), \
	rows (0018, 0019, 001A, 001B), rows (001C, 001D, 001E, 001F)

// COM1 and COM3, COM2 and COM4 share a line: all four say so.
#define COM_PORT(name, uid, bit, port, irq) \
	Device (name) \
	{ \
		Name (_HID, EisaId ("PNP0501")) \
		Name (_UID, uid) \
		Method (_STA, 0) { Return (\DSTA (bit)) } \
		Name (_CRS, ResourceTemplate () \
		{ \
			IO (Decode16, port, port, 1, 8) \
			IRQ (Edge, ActiveHigh, Shared) { irq } \
		}) \
	}

// An interrupt link: input of the PIIX4's router, REG its register.
#define LINK(name, uid, reg) \
	Device (name) \
	{ \
		Name (_HID, EisaId ("PNP0C0F")) \
		Name (_UID, uid) \
		Method (_STA, 0) { Return (LSTA (^^ISA.reg)) } \
		Method (_PRS, 0) { Return (LPRS) } \
		Method (_CRS, 0) { Return (LGET (^^ISA.reg)) } \
		Method (_SRS, 1) { Store (LSET (Arg0), ^^ISA.reg) } \
		Method (_DIS, 0) { Or (^^ISA.reg, 0x80, ^^ISA.reg) } \
	}

DefinitionBlock ("dsdt.aml", "DSDT", 1, "PTLTD ", "Custom  ", 0x06040000)
{
	Name (DEVS, 0x80000000)	// bits 0..3 COM1..4, 8 HPET, 9 PS/2 keyboard, 10 PS/2 mouse, 11 PCI Express
	Name (PCIB, 0xC0000000)	// window of PCI memory: first address
	Name (PCIL, 0xFEBFFFFF)	// and last

	// _STA of a device that is there when the bits ARG0 of DEVS are set.
	Method (DSTA, 1)
	{
		If (And (\DEVS, Arg0))
		{
			Return (0x0F)
		}
		Return (Zero)
	}

	// SLP_TYP for PM1a_CNT and PM1b_CNT.
	Name (_S0, Package (4) { 5, 5, 0, 0 })
	Name (_S1, Package (4) { 4, 4, 0, 0 })
	Name (_S4, Package (4) { 0, 0, 0, 0 })
	Name (_S5, Package (4) { 0, 0, 0, 0 })

	// Before a sleep or power-off: the host bridge is to be reset on the way back.
	Method (_PTS, 1)
	{
		If (LGreater (Arg0, One))
		{
			Store (One, \_SB.PCI0.CRST)
		}
	}

	Name (PICM, Zero)		// how the OS takes interrupts: 0 PIC, 1 IOAPIC
	Method (_PIC, 1)
	{
		Store (Arg0, \PICM)
	}

	// 3: waking by what is in a slot. 1, requests for hot plug, is in the SSDT: it knows the slots.
	Scope (\_GPE)
	{
		Method (_L03, 0)
		{
		}
	}

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A03"))
			Name (_CID, EisaId ("PNP0A08"))
			Name (_BBN, Zero)
			Name (_UID, Zero)

			// The memory windows are the first descriptors, so that their fields are at fixed places: one
			// below the memory-mapped configuration space (128 MiB from E0000000h) and one above.
			Name (CRES, ResourceTemplate ()
			{
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
					0, 0xC0000000, 0xDFFFFFFF, 0, 0x20000000)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, ReadWrite,
					0, 0xE0000000, 0xFEBFFFFF, 0, 0x1EC00000)
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0x7F, 0, 0x80)
				IO (Decode16, 0xCF8, 0xCF8, 1, 8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0, 0xCF7, 0, 0xCF8)
				WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,
					0, 0xD00, 0xFEFF, 0, 0xF200)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,
					0, 0xA0000, 0xBFFFF, 0, 0x20000)
			})
			Method (_CRS, 0, Serialized)
			{
				CreateDWordField (CRES, 10, HMIN)
				CreateDWordField (CRES, 22, HLEN)
				CreateDWordField (CRES, 36, UMIN)
				CreateDWordField (CRES, 40, UMAX)
				CreateDWordField (CRES, 48, ULEN)
				Store (\PCIB, HMIN)
				Subtract (0xE0000000, \PCIB, HLEN)
				If (And (\DEVS, 0x800))
				{
					Store (0xE8000000, UMIN)
				}
				Store (\PCIL, UMAX)
				Add (Subtract (\PCIL, UMIN), 1, ULEN)
				Return (CRES)
			}

			// What the OS may take over: native PCIe hot plug, SHPC hot plug, PME, the PCIe capability.
			Method (_OSC, 4, Serialized)
			{
				CreateDWordField (Arg3, 0, CDW1)
				If (LEqual (Arg0, ToUUID ("33DB4D5B-1FF7-401C-9657-7441C03DD766")))
				{
					CreateDWordField (Arg3, 8, CDW3)
					Store (Zero, Local0)
					If (And (\DEVS, 0x800))
					{
						And (CDW3, 0x17, Local0)
					}
					If (LNot (LEqual (Arg1, One)))
					{
						Or (CDW1, 0x08, CDW1)
					}
					If (LNot (LEqual (CDW3, Local0)))
					{
						Or (CDW1, 0x10, CDW1)
					}
					Store (Local0, CDW3)
					Return (Arg3)
				}
				Or (CDW1, 0x04, CDW1)
				Return (Arg3)
			}

			// _DSM of a slot. ARG0 to ARG2 are the caller's; ARG3 the package of index and label, or 0.
			Method (SDSM, 4, Serialized)
			{
				If (LEqual (Arg0, ToUUID ("E5C937D0-3553-4D7A-9117-EA4D19C3434D")))
				{
					Store (LEqual (ObjectType (Arg3), 4), Local0)
					If (LEqual (Arg2, Zero))
					{
						If (LAnd (Local0, LGreater (Arg1, One)))
						{
							Return (Buffer () { 0x81 })
						}
						Return (Buffer () { 0x01 })
					}
					If (LAnd (Local0, LEqual (Arg2, 7)))
					{
						Return (Arg3)
					}
				}
				Return (Buffer () { 0x00 })
			}

			Name (PRTP, Package () { ALL_DEVICES (PIC4) })
			Name (PRTA, Package () { ALL_DEVICES (APIC4) })
			Method (_PRT, 0)
			{
				If (\PICM)
				{
					Return (PRTA)
				}
				Return (PRTP)
			}

			// Bit 0 of the host bridge's power management control register.
			OperationRegion (PMCR, PCI_Config, 0x7A, 1)
			Field (PMCR, ByteAcc, NoLock, Preserve)
			{
				CRST, 1
			}

			// Hot plug of the slots behind the PCI bridge. HPCM: reading takes the next request, 0 when there is
			// none, else what the slot's device is notified of. HPSL: reading tells the number of the slot that
			// it is about, writing takes the device out of a slot.
			OperationRegion (HPRG, SystemIO, 0xFCE0, 8)
			Field (HPRG, DWordAcc, NoLock, Preserve)
			{
				HPCM, 32,
				HPSL, 32
			}

			Device (AGP)
			{
				Name (_ADR, 0x00010000)
			}

			Device (ISA)
			{
				Name (_ADR, 0x00070000)

				// PIRQRC: bits 3..0 the PIC input, bit 7 = not routed.
				OperationRegion (PIRQ, PCI_Config, 0x60, 4)
				Field (PIRQ, ByteAcc, NoLock, Preserve)
				{
					PIRA, 8,
					PIRB, 8,
					PIRC, 8,
					PIRD, 8
				}

				Device (MBRD)
				{
					Name (_HID, EisaId ("PNP0C02"))
					Name (_UID, 1)
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x10, 0x10, 1, 0x10)
						IO (Decode16, 0x24, 0x24, 1, 2)
						IO (Decode16, 0x28, 0x28, 1, 2)
						IO (Decode16, 0x2C, 0x2C, 1, 2)
						IO (Decode16, 0x2E, 0x2E, 1, 2)
						IO (Decode16, 0x30, 0x30, 1, 2)
						IO (Decode16, 0x34, 0x34, 1, 2)
						IO (Decode16, 0x38, 0x38, 1, 2)
						IO (Decode16, 0x3C, 0x3C, 1, 2)
						IO (Decode16, 0x50, 0x50, 1, 4)
						IO (Decode16, 0x72, 0x72, 1, 6)
						IO (Decode16, 0x80, 0x80, 1, 1)
						IO (Decode16, 0x90, 0x90, 1, 0x10)
						IO (Decode16, 0xA4, 0xA4, 1, 2)
						IO (Decode16, 0xA8, 0xA8, 1, 2)
						IO (Decode16, 0xAC, 0xAC, 1, 2)
						IO (Decode16, 0xB0, 0xB0, 1, 6)
						IO (Decode16, 0xB8, 0xB8, 1, 2)
						IO (Decode16, 0xBC, 0xBC, 1, 2)
						IO (Decode16, 0x1000, 0x1000, 1, 0x40)
						IO (Decode16, 0x1040, 0x1040, 1, 0x10)
						IO (Decode16, 0xCF0, 0xCF0, 1, 2)
						IO (Decode16, 0x4D0, 0x4D0, 1, 2)
						IO (Decode16, 0x5658, 0x5658, 1, 2)
						IO (Decode16, 0x5670, 0x5670, 1, 1)
						IO (Decode16, 0xFCE0, 0xFCE0, 1, 0x20)
					})
				}

				Device (DMAC)
				{
					Name (_HID, EisaId ("PNP0200"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x00, 0x00, 1, 0x10)
						IO (Decode16, 0x81, 0x81, 1, 0x0F)
						IO (Decode16, 0xC0, 0xC0, 1, 0x20)
						DMA (Compatibility, BusMaster, Transfer8_16) { 4 }
					})
				}

				Device (PIC)
				{
					Name (_HID, EisaId ("PNP0001"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x20, 0x20, 1, 2)
						IO (Decode16, 0xA0, 0xA0, 1, 2)
						IRQNoFlags () { 2 }
					})
				}

				Device (TIME)
				{
					Name (_HID, EisaId ("PNP0100"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x40, 0x40, 1, 4)
						IRQNoFlags () { 0 }
					})
				}

				Device (RTC)
				{
					Name (_HID, EisaId ("PNP0B00"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x70, 0x70, 1, 2)
						IRQNoFlags () { 8 }
					})
				}

				Device (SPKR)
				{
					Name (_HID, EisaId ("PNP0800"))
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x61, 0x61, 1, 1)
					})
				}

				Device (KBC)
				{
					Name (_HID, EisaId ("PNP0303"))
					Method (_STA, 0) { Return (\DSTA (0x200)) }
					Name (_CRS, ResourceTemplate ()
					{
						IO (Decode16, 0x60, 0x60, 1, 1)
						IO (Decode16, 0x64, 0x64, 1, 1)
						IRQNoFlags () { 1 }
					})
				}

				Device (MOUS)
				{
					Name (_HID, EisaId ("PNP0F13"))
					Method (_STA, 0) { Return (\DSTA (0x400)) }
					Name (_CRS, ResourceTemplate ()
					{
						IRQNoFlags () { 12 }
					})
				}

				Device (HPET)
				{
					Name (_HID, EisaId ("PNP0103"))
					Name (_CID, EisaId ("PNP0C01"))
					Method (_STA, 0) { Return (\DSTA (0x100)) }
					Name (_CRS, ResourceTemplate ()
					{
						Memory32Fixed (ReadWrite, 0xFED00000, 0x400)
					})
				}

				Device (SIO)
				{
					Name (_HID, EisaId ("PNP0A05"))
					Name (_UID, 0x2E)

					COM_PORT (COM1, 1, 0x01, 0x3F8, 4)
					COM_PORT (COM2, 2, 0x02, 0x2F8, 3)
					COM_PORT (COM3, 3, 0x04, 0x3E8, 4)
					COM_PORT (COM4, 4, 0x08, 0x2E8, 3)
				}
			}

			Device (IDE)
			{
				Name (_ADR, 0x00070001)
			}

			Device (USB)
			{
				Name (_ADR, 0x00070002)
			}

			Device (PWR)
			{
				Name (_ADR, 0x00070003)
			}

			// What the PIRQ links may be routed to, and the descriptor that tells what one is routed to.
			Name (LPRS, ResourceTemplate ()
			{
				IRQ (Level, ActiveLow, Shared) { 3, 4, 5, 6, 7, 9, 10, 11, 14, 15 }
			})
			Name (LCRS, ResourceTemplate ()
			{
				IRQ (Level, ActiveLow, Shared) { 15 }
			})

			// ARG0: a PIRQRC register's value.
			Method (LSTA, 1)
			{
				If (And (Arg0, 0x80))
				{
					Return (0x09)
				}
				Return (0x0B)
			}
			Method (LGET, 1, Serialized)
			{
				CreateWordField (LCRS, 1, MASK)
				Store (Zero, MASK)
				If (LNot (And (Arg0, 0x80)))
				{
					ShiftLeft (1, And (Arg0, 0x0F), MASK)
				}
				Return (LCRS)
			}
			// ARG0: the resources the OS chose. Gives the register's value.
			Method (LSET, 1, Serialized)
			{
				CreateWordField (Arg0, 1, MASK)
				FindSetRightBit (MASK, Local0)
				If (Local0)
				{
					Decrement (Local0)
					Return (Local0)
				}
				Return (0x80)
			}

			Device (EXPL)
			{
				Name (_HID, EisaId ("PNP0C02"))
				Name (_UID, 2)
				Method (_STA, 0) { Return (\DSTA (0x800)) }
				Name (_CRS, ResourceTemplate ()
				{
					Memory32Fixed (ReadWrite, 0xE0000000, 0x08000000)
				})
			}

			LINK (LNKA, 1, PIRA)
			LINK (LNKB, 2, PIRB)
			LINK (LNKC, 3, PIRC)
			LINK (LNKD, 4, PIRD)
		}

		Device (SLPB)
		{
			Name (_HID, EisaId ("PNP0C0E"))
		}
	}
}
