package bug

import (
	"encoding/json"
	"maps"
	"slices"
)

// Schema is the JSON Schema of a bug file, made from what Parse reads by. It
// refuses what can be seen in one place; Parse also refuses what does not fit
// together. A bug file may point an editor at it:
//
//	# yaml-language-server: $schema=../../bug/schema.json
func Schema() []byte {
	var b Bug
	var ops []string
	top := bugForm(&b, &ops).schema()
	top["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	top["title"] = "A storage bug of fourdays"
	top["$defs"] = object{"trigger": triggerSchema()}
	top["allOf"] = planeRules()
	effect := top["properties"].(object)["effect"].(object)
	effect["allOf"] = actionRules()
	effect["anyOf"] = []object{{"required": []string{"ops"}}, {"required": []string{"action"}}}
	evidence := top["properties"].(object)["evidence"].(object)
	evidence["if"] = object{"properties": object{"label": object{"const": Read}}}
	evidence["then"] = object{"required": []string{"url"}}
	text, err := json.MarshalIndent(top, "", "  ")
	if err != nil {
		panic("bug: the schema is no JSON: " + err.Error())
	}
	return append(text, '\n')
}

// leafRules are what a leaf asks of several of its keys.
var leafRules = map[string]object{
	"a level trigger":  {"oneOf": []object{{"required": []string{"above"}}, {"required": []string{"below"}}}},
	"a chance trigger": {"dependentRequired": object{"near": []string{"burst"}}},
}

// triggerSchema is one of the leaves and combinations.
func triggerSchema() object {
	var each []object
	for _, l := range leaves {
		m := l.form(&Trigger{})
		s := m.schema()
		s["title"] = m.what
		maps.Copy(s, leafRules[m.what])
		each = append(each, s)
	}
	return object{"description": "One leaf, or one combination of triggers.", "type": "object", "oneOf": each}
}

// planeRules say what ops are in each plane: data is where none is named.
func planeRules() []object {
	var rules []object
	for _, p := range planes {
		is := object{"properties": object{"plane": object{"const": string(p)}}}
		if p != Data {
			is["required"] = []string{"plane"}
		}
		then := object{"ops": object{"items": object{"enum": opsOf(p)}}}
		if p != Data {
			then["action"] = false
		}
		rules = append(rules, object{"if": is, "then": object{"properties": object{"effect": object{"properties": then}}}})
	}
	return rules
}

// actionRules say which parameters an action needs, and which belong to it.
func actionRules() []object {
	var rules []object
	for _, p := range parameters {
		is := object{"required": []string{"action"}, "properties": object{"action": object{"enum": texts(p.of)}}}
		rule := object{"if": is, "else": object{"properties": object{p.key: false}}}
		if p.need {
			rule["then"] = object{"required": []string{p.key}}
		}
		rules = append(rules, rule)
	}
	alone := object{}
	for _, key := range []string{"data", "persist", "delay", "slow", "lost_at"} {
		alone[key] = false
	}
	return slices.Concat(rules, []object{{"if": object{"required": []string{"action"}}, "then": object{"properties": alone}}})
}
