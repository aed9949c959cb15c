# SPDX-License-Identifier: GPL-2.0-only
# Figures of bench/run to a table. Beside the in-tree driver, what differs by less than a
# hundredth is the same; a target beside plain vfio-pci has its room in it.
# With -v data=FILE, how many times as fast ours is goes there too.

function bytes(n) {
	if (n == "") return "-"
	return n >= 2 ^ 20 ? sprintf("%.1f MiB", n / 2 ^ 20) : sprintf("%d KiB", n / 1024)
}

# target_of OP SIZE: sets `against` and `least`.
function target_of(op, size, i) {
	for (i = 1; i <= rules; i++) {
		if (!fits(rule_op[i], op) || (rule_kernel[i] != "-" && rule_kernel[i] != version)) continue
		if ((rule_min[i] != "-" && size < rule_min[i]) || (rule_max[i] != "-" && size > rule_max[i])) continue
		against = rule_against[i]
		least = rule_least[i]
		return
	}
}

# figures KEY WHO: and, of a lock, of the round that held it longest.
function figures(key, who) {
	return figure(value[key, who]) (worst[key, who] > value[key, who] ? " (" figure(worst[key, who]) ")" : "")
}

function row(key, part, op, size, ours, other, times, verdict) {
	split(key, part, " ")
	op = part[2]; size = part[3] + 0
	ours = value[key, "ours"]
	target_of(op, size)
	if (part[1] == "bytes") {
		if (!value[key, "ours"] && !value[key, "peer"]) return
		printf "| page tables after %s | %s | %s | %s | - | | | |\n", op, size_name(size), bytes(ours), bytes(value[key, "peer"])
		return
	}
	if (part[1] == "hold") op = substr(op, 1, index(op, ":") - 1) " held at most, " substr(op, index(op, ":") + 1)
	other = value[key, against]
	times = verdict = ""
	if (ours != "" && other != "") {
		times = other / ours
		verdict = times >= least * (against == "vfio" ? 1 : 0.99) ? "met" : "missed"
		count[verdict]++
		compared++
		if (data != "") print op, size, times > data
	}
	printf "| %s | %s | %s | %s | %s | %s | %s | %s |\n", op, size_name(size), figures(key, "ours"), figures(key, "peer"),
		figures(key, "vfio"), times == "" ? "" : sprintf("%.2f", times),
		verdict == "" ? "" : least (against == "vfio" ? " (vfio-pci)" : ""), verdict
}

BEGIN {
	while ((getline line < targets) > 0) {
		if (line ~ /^#/ || split(line, field, " ") != 6) continue
		rules++
		rule_op[rules] = field[1]; rule_min[rules] = field[2]; rule_max[rules] = field[3]
		rule_kernel[rules] = field[4]; rule_against[rules] = field[5]; rule_least[rules] = field[6]
	}
}

/^# kernel: / { kernel = $3; name = $4 == "" ? "" : " (" $4 ")"; version = kernel; sub(/^[0-9]+\.[0-9]+/, "&;", version); sub(/;.*/, "", version) }
/^# gpu: / { gpu = toupper($3) }
$1 == "cost" || $1 == "bytes" || $1 == "hold" {
	key = $1 " " $2 " " $3
	if (!(key in seen)) { seen[key] = 1; order[++n] = key }
	value[key, $4] = $1 == "cost" ? $6 : $5
	worst[key, $4] = $1 == "hold" ? $6 : ""
}

END {
	printf "\nInstructions, %s, kernel %s%s\n\n", gpu, kernel, name
	print "| operation | size | ours | in-tree | vfio-pci | times as fast | target | |"
	print "|---|---:|---:|---:|---:|---:|---:|---|"
	for (i = 1; i <= n; i++) row(order[i])
	printf "\n%d targets met, %d missed\n", count["met"], count["missed"]
	exit !compared
}
