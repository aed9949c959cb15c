# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash disable=SC2086 # no name in a tree has a space
# What --json prints is what the schemas say, for every golden text that is JSON;
# and a schema that takes anything would be none.

# json_of FILE: the JSON of a golden text, between its command and what follows; of
# a text that has an object a line, the first.
json_of() {
	if grep -q '^{.*}$' "$1"; then
		sed -n '/^{.*}$/{p;q}' "$1"
	else
		sed -n '/^{$/,/^}$/p' "$1"
	fi
}

keeps_schema() {
	local file=$1 verb
	json_of "$file" >"$WORK/said.json"
	verb=$(jq -r .verb "$WORK/said.json")
	jsonschema -i "$WORK/said.json" "$TOP/tool/schema/$verb.json"
}

# Each member, however deep, left out or of another type; of an array the first element.
schema_bites() {
	local verb=$1 file=$2 path bad=0 count=0
	json_of "$file" >"$WORK/said.json"
	while IFS= read -r path; do
		count=$((count + 1))
		jq "delpaths([$path])" "$WORK/said.json" >"$WORK/damaged.json"
		# An array may be shorter, and physical addresses are for root.
		[[ $path == *'0]' || $path == *'mem_base"]' ]] || ! jsonschema -i "$WORK/damaged.json" "$TOP/tool/schema/$verb.json" 2>/dev/null >&2 ||
			{ echo "$verb: $path may be left out" && bad=1; }
		jq "setpath($path; {\"odd\": 1})" "$WORK/said.json" >"$WORK/damaged.json"
		! jsonschema -i "$WORK/damaged.json" "$TOP/tool/schema/$verb.json" 2>/dev/null >&2 ||
			{ echo "$verb: $path may be of any type" && bad=1; }
	done < <(jq -c 'paths | select(all(.[]; type == "string" or . == 0))' "$WORK/said.json")
	[[ $count -ge 3 && $bad == 0 ]]
}

declare -A example=()
while IFS= read -r file; do
	check "schema: ${file#"$HERE"/golden/}" keeps_schema $file
	example[$(json_of $file | jq -r .verb)]=$file
done < <(grep -lE '^\{(.*\})?$' "$HERE"/golden/*/*)
for verb in "${VERBS[@]}"; do
	check "schema bites: $verb" schema_bites $verb "${example[$verb]:-/dev/null}"
done
