// SPDX-License-Identifier: GPL-2.0-only
// The GPU behind rp1 as a real machine's firmware describes it: where its
// memory is. QEMU's own table names the port at 00:11.0 S88 and the function
// behind it S00.
DefinitionBlock ("", "SSDT", 2, "COHGPU", "GH200", 1)
{
	External (\_SB.PCI0.S88.S00, DeviceObj)

	Scope (\_SB.PCI0.S88.S00)
	{
		Name (_DSD, Package ()
		{
			ToUUID ("daffd814-6eba-4d8c-8a91-bc9bbf4aa301"),
			Package ()
			{
				Package () { "nvidia,gpu-mem-base-pa", 0x100000000 },
				Package () { "nvidia,gpu-mem-size", 0x1800000000 }
			}
		})
	}
}
