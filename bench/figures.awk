# SPDX-License-Identifier: GPL-2.0-only
# How figures are printed, and which rule is for an operation: for table.awk and growth.awk.

function size_name(n) {
	if (n == 0) return "-"
	if (n % 2 ^ 30 == 0) return n / 2 ^ 30 " GiB"
	if (n % 2 ^ 20 == 0) return n / 2 ^ 20 " MiB"
	if (n % 2 ^ 10 == 0) return n / 2 ^ 10 " KiB"
	return n " B"
}

function figure(n) {
	if (n == "") return "-"
	if (n >= 1e9) return sprintf("%.2f G", n / 1e9)
	if (n >= 1e6) return sprintf("%.2f M", n / 1e6)
	if (n >= 1e4) return sprintf("%.1f k", n / 1e3)
	return sprintf("%d", n)
}

# fits PATTERN NAME: with * for anything.
function fits(pattern, name) {
	gsub(/[+.]/, "[&]", pattern)
	gsub(/\*/, ".*", pattern)
	return name ~ "^" pattern "$"
}
