/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM nvlink2

#if !defined(NVLINK2_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define NVLINK2_TRACE_H

#include <linux/tracepoint.h>

#include "nvlink2/nvlink2.h"

#define NVLINK2_TRACE_NAME 32

DECLARE_EVENT_CLASS(nvlink2_lpar,
	TP_PROTO(struct nvlink2_device *nvdev, unsigned int lpid, int result),
	TP_ARGS(nvdev, lpid, result),
	TP_STRUCT__entry(
		__array(char, name, NVLINK2_TRACE_NAME)
		__field(unsigned int, lpid)
		__field(int, result)
	),
	TP_fast_assign(
		strscpy(__entry->name, pci_name(nvdev->coherent.core.pdev),
			NVLINK2_TRACE_NAME);
		__entry->lpid = lpid;
		__entry->result = result;
	),
	TP_printk("%s LPID %u: %d", __entry->name, __entry->lpid,
		  __entry->result)
);

DEFINE_EVENT(nvlink2_lpar, nvlink2_lpar_map,
	TP_PROTO(struct nvlink2_device *nvdev, unsigned int lpid, int result),
	TP_ARGS(nvdev, lpid, result)
);

DEFINE_EVENT(nvlink2_lpar, nvlink2_lpar_unmap,
	TP_PROTO(struct nvlink2_device *nvdev, unsigned int lpid, int result),
	TP_ARGS(nvdev, lpid, result)
);

#endif /* NVLINK2_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH nvlink2
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
