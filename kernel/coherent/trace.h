/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM coherent

#if !defined(COHERENT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define COHERENT_TRACE_H

#include <linux/tracepoint.h>

#include "coherent/coherent.h"

#define COHERENT_TRACE_NAME 32

TRACE_EVENT(coherent_mmap,
	TP_PROTO(struct coherent_device *cdev, unsigned int index, u64 offset,
		 u64 length),
	TP_ARGS(cdev, index, offset, length),
	TP_STRUCT__entry(
		__array(char, name, COHERENT_TRACE_NAME)
		__field(unsigned int, index)
		__field(u64, offset)
		__field(u64, length)
	),
	TP_fast_assign(
		strscpy(__entry->name, pci_name(cdev->core.pdev),
			COHERENT_TRACE_NAME);
		__entry->index = index;
		__entry->offset = offset;
		__entry->length = length;
	),
	TP_printk("%s region %u offset %#llx length %#llx", __entry->name,
		  __entry->index, __entry->offset, __entry->length)
);

TRACE_EVENT(coherent_fault,
	TP_PROTO(struct coherent_device *cdev, unsigned int index,
		 unsigned int order, unsigned long pgoff, unsigned long pfn,
		 vm_fault_t result),
	TP_ARGS(cdev, index, order, pgoff, pfn, result),
	TP_STRUCT__entry(
		__array(char, name, COHERENT_TRACE_NAME)
		__field(unsigned int, index)
		__field(unsigned int, order)
		__field(u64, offset)
		__field(unsigned long, pfn)
		__field(unsigned int, result)
	),
	TP_fast_assign(
		strscpy(__entry->name, pci_name(cdev->core.pdev),
			COHERENT_TRACE_NAME);
		__entry->index = index;
		__entry->order = order;
		__entry->pfn = pfn;
		__entry->offset = ((u64)pgoff << PAGE_SHIFT) &
				  VFIO_PCI_OFFSET_MASK;
		__entry->result = (__force unsigned int)result;
	),
	TP_printk("%s region %u offset %#llx pfn %#lx order %u result %#x",
		  __entry->name, __entry->index, __entry->offset,
		  __entry->pfn, __entry->order, __entry->result)
);

TRACE_EVENT(coherent_reset,
	TP_PROTO(struct coherent_device *cdev, u64 generation),
	TP_ARGS(cdev, generation),
	TP_STRUCT__entry(
		__array(char, name, COHERENT_TRACE_NAME)
		__field(u64, generation)
	),
	TP_fast_assign(
		strscpy(__entry->name, pci_name(cdev->core.pdev),
			COHERENT_TRACE_NAME);
		__entry->generation = generation;
	),
	TP_printk("%s generation %llu", __entry->name, __entry->generation)
);

TRACE_EVENT(coherent_ready_wait,
	TP_PROTO(struct coherent_device *cdev, u32 holding, unsigned int ms,
		 int result),
	TP_ARGS(cdev, holding, ms, result),
	TP_STRUCT__entry(
		__array(char, name, COHERENT_TRACE_NAME)
		__field(u32, required)
		__field(u32, holding)
		__field(unsigned int, ms)
		__field(int, result)
	),
	TP_fast_assign(
		strscpy(__entry->name, pci_name(cdev->core.pdev),
			COHERENT_TRACE_NAME);
		__entry->required = cdev->ready.required;
		__entry->holding = holding;
		__entry->ms = ms;
		__entry->result = result;
	),
	TP_printk("%s required %#x holding %#x after %u ms: %d", __entry->name,
		  __entry->required, __entry->holding, __entry->ms,
		  __entry->result)
);

TRACE_EVENT(coherent_poison,
	TP_PROTO(struct coherent_device *cdev, unsigned int index, u64 offset),
	TP_ARGS(cdev, index, offset),
	TP_STRUCT__entry(
		__array(char, name, COHERENT_TRACE_NAME)
		__field(unsigned int, index)
		__field(u64, offset)
	),
	TP_fast_assign(
		strscpy(__entry->name, pci_name(cdev->core.pdev),
			COHERENT_TRACE_NAME);
		__entry->index = index;
		__entry->offset = offset;
	),
	TP_printk("%s region %u offset %#llx", __entry->name, __entry->index,
		  __entry->offset)
);

#endif /* COHERENT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH coherent
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
