# SPDX-License-Identifier: GPL-2.0-only
# Judges what a VM wrote to its results port.
#
#   awk -f judge.awk -v lane=NAME -v want="SUITE..." -v cases=FILE -v skips=vm/skips RESULTS
#
# Prints nested KTAP, writes one line a case to `cases` (outcome, suite/case, detail,
# tab-separated) and one line of counts to cases ".counts". Only evidence passes:
# no verdict, a plan that does not fit, an unknown skip are failures of their own.

function record(outcome, name, detail) {
	printf "%s\t%s\t%s\n", outcome, name, detail > cases
	count[outcome]++
	suite_count[outcome]++
}

function fail(name, detail) {
	record("failed", name, detail)
	suite_lines = suite_lines "    # " detail "\n"
}

function extra(name, detail) {
	suite_lines = suite_lines sprintf("    not ok %d %s # %s\n", ++listed, name, detail)
	record("failed", suite "/" name, detail)
}

function close_suite(how, seconds) {
	if (how != "exit 0" && !suite_count["failed"])
		extra("end", how)
	else if (how == "time-out" || how ~ /^signal/)
		extra("end", how)
	if (how != "the VM died here" && (plan < 0 || plan != results))
		extra("plan", plan < 0 ? "no plan" : "planned " plan ", reported " results)
	top(suite, suite_count["failed"] == 0, sprintf("%d passed, %d failed, %d skipped%s", suite_count["passed"],
		suite_count["failed"], suite_count["skipped"], seconds == "" ? "" : ", " seconds " s"))
	suite = ""
}

function top(name, good, detail) {
	printf "%s%s %d %s # %s\n", suite_lines, good ? "ok" : "not ok", ++tops, name, detail
	suite_lines = ""
}

function allowed_skip(name,    i) {
	for (i = 1; i <= nskips; i++)
		if (lane ~ ("^(" skip_lane[i] ")$") && name ~ ("^(" skip_case[i] ")$"))
			return 1
	return 0
}

function case_line(line, good,    text, name, reason) {
	text = line
	sub(/^(not )?ok +[0-9]* *(- )?/, "", text)
	name = text
	sub(/ *#.*$/, "", name)
	if (index(name, suite "/") != 1)
		name = suite "/" name
	results++
	listed++
	if (text ~ /# *SKIP/) {
		reason = text
		sub(/^.*# *SKIP */, "", reason)
		if (allowed_skip(name))
			record("skipped", name, reason)
		else {
			fail(name, "unexpected skip: " reason)
			sub(/^ok/, "not ok", line)
		}
	} else if (good)
		record("passed", name, "")
	else
		record("failed", name, diagnostics != "" ? diagnostics : text)
	suite_lines = suite_lines "    " line "\n"
	diagnostics = ""
}

BEGIN {
	FS = " "
	while ((getline line < skips) > 0)
		if (line !~ /^#/ && split(line, word, " ") >= 3) {
			skip_lane[++nskips] = word[1]
			skip_case[nskips] = word[2]
		}
	count["passed"] = count["failed"] = count["skipped"] = 0
	printf "" > cases
	print "KTAP version 1"
	print "# lane " lane
}

{ sub(/\r$/, "") }

/^@suite / {
	suite = $2
	seen[suite] = 1
	plan = -1
	results = listed = 0
	suite_count["passed"] = suite_count["failed"] = suite_count["skipped"] = 0
	suite_lines = "    KTAP version 1\n"
	diagnostics = ""
	next
}
/^@end / { close_suite($3 == "time-out" ? $3 : $3 " " $4, $NF); next }
/^@problem / {
	where = $2
	text = $0
	sub(/^@problem [^ ]+ /, "", text)
	if (!(where in problem))
		order[++nproblems] = where
	problem[where] = problem[where] (problem[where] == "" ? "" : "; ") text
	next
}
/^@verdict$/ { verdict = 1; next }
suite != "" && /^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; suite_lines = suite_lines "    " $0 "\n"; next }
suite != "" && /^ok / { case_line($0, 1); next }
suite != "" && /^not ok / { case_line($0, 0); next }
suite != "" && /^KTAP / { next }
suite != "" {
	suite_lines = suite_lines "    " ($0 ~ /^#/ ? "" : "# ") $0 "\n"
	if ($0 ~ /^# ./)
		diagnostics = diagnostics (diagnostics == "" ? "" : "; ") substr($0, 3)
	next
}
/^# / { notes = notes $0 "\n" }

END {
	if (suite != "")
		close_suite("the VM died here", "")
	printf "%s", notes
	n = split(want, word, " ")
	for (i = 1; i <= n; i++)
		if (!(word[i] in seen)) {
			suite_lines = ""
			record("failed", word[i] "/run", "never started")
			top(word[i], 0, "never started")
		}
	for (i = 1; i <= nproblems; i++) {
		record("failed", order[i] "/problem", problem[order[i]])
		top("problem in " order[i], 0, problem[order[i]])
	}
	if (verdict)
		record("passed", "vm/verdict", "")
	else
		record("failed", "vm/verdict", "the VM ended without its verdict")
	top("verdict", verdict, verdict ? "written last" : "the VM ended without its verdict")
	printf "1..%d\n", tops
	printf "# %s: %d passed, %d failed, %d skipped\n", lane, count["passed"], count["failed"], count["skipped"]
	printf "%d %d %d\n", count["passed"], count["failed"], count["skipped"] > (cases ".counts")
	exit count["failed"] > 0
}
