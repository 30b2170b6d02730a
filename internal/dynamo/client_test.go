package dynamo

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"event-processor/internal/event"
)

func TestReadClient(t *testing.T) {
	n := func(s string) types.AttributeValue { return &types.AttributeValueMemberN{Value: s} }
	boolean := func(b bool) types.AttributeValue { return &types.AttributeValueMemberBOOL{Value: b} }
	ss := func(s ...string) types.AttributeValue { return &types.AttributeValueMemberSS{Value: s} }
	list := func(v ...types.AttributeValue) types.AttributeValue { return &types.AttributeValueMemberL{Value: v} }
	null := &types.AttributeValueMemberNULL{Value: true}
	const nobody = "(unreadable allowed_senders)"
	for name, tt := range map[string]struct {
		attribute string
		value     types.AttributeValue
		want      event.Client
	}{
		"as it should be":                 {"name", text("C"), event.Client{Name: "C", Active: true}},
		"not active":                      {"active", boolean(false), event.Client{}},
		"active as a text":                {"active", text("true"), event.Client{Faults: []string{"active is a text, want a boolean"}}},
		"active as a number":              {"active", n("1"), event.Client{Faults: []string{"active is a number, want a boolean"}}},
		"active is missing":               {"active", nil, event.Client{Faults: []string{"active is not there, want a boolean"}}},
		"retention":                       {"retention_days", n("400"), event.Client{Active: true, RetentionDays: 400}},
		"the shortest":                    {"retention_days", n("15"), event.Client{Active: true, RetentionDays: 15}},
		"the longest":                     {"retention_days", n("3650"), event.Client{Active: true, RetentionDays: 3650}},
		"retention is null":               {"retention_days", null, event.Client{Active: true}},
		"retention as a text":             {"retention_days", text(" 3650 "), event.Client{Active: true, RetentionDays: 3650, Faults: []string{"retention_days is a text, want a number; taken for 3650"}}},
		"too short":                       {"retention_days", n("3"), event.Client{Active: true, RetentionDays: 15, Faults: []string{"retention_days is not a whole number of 15–3650; taken for 15"}}},
		"far too short":                   {"retention_days", n("-9e99"), event.Client{Active: true, RetentionDays: 15, Faults: []string{"retention_days is not a whole number of 15–3650; taken for 15"}}},
		"too long":                        {"retention_days", n("36500"), event.Client{Active: true, RetentionDays: 3650, Faults: []string{"retention_days is not a whole number of 15–3650; taken for 3650"}}},
		"far too long, as a text":         {"retention_days", text("9e99"), event.Client{Active: true, RetentionDays: 3650, Faults: []string{"retention_days is not a whole number of 15–3650; taken for 3650"}}},
		"half a day":                      {"retention_days", n("30.5"), event.Client{Active: true, RetentionDays: 31, Faults: []string{"retention_days is not a whole number of 15–3650; taken for 31"}}},
		"a text that is no number":        {"retention_days", text("ten years"), event.Client{Active: true, Faults: []string{"retention_days is a text that is no number; the default serves"}}},
		"a text that is not a number":     {"retention_days", text("NaN"), event.Client{Active: true, Faults: []string{"retention_days is a text that is no number; the default serves"}}},
		"retention as a list":             {"retention_days", list(n("30")), event.Client{Active: true, Faults: []string{"retention_days is a list, want a number; the default serves"}}},
		"types":                           {"allowed_types", ss("transaction"), event.Client{Active: true, AllowedTypes: []string{"transaction"}}},
		"types as a list":                 {"allowed_types", list(text("a"), text("b")), event.Client{Active: true, AllowedTypes: []string{"a", "b"}, Faults: []string{"allowed_types is a list, want a string set; it is read as one"}}},
		"types as an empty list":          {"allowed_types", list(), event.Client{Active: true, Faults: []string{"allowed_types is an empty list, want a string set"}}},
		"types as a list of other things": {"allowed_types", list(text("a"), n("1")), event.Client{Active: true, Faults: []string{"allowed_types is a list with a number in it, want a string set"}}},
		"types as a text":                 {"allowed_types", text("transaction"), event.Client{Active: true, Faults: []string{"allowed_types is a text, want a string set"}}},
		"types as a set of numbers":       {"allowed_types", &types.AttributeValueMemberNS{Value: []string{"1"}}, event.Client{Active: true, Faults: []string{"allowed_types is of another type, want a string set"}}},
		"senders":                         {"allowed_senders", ss("AROA"), event.Client{Active: true, AllowedSenders: []string{"AROA"}}},
		"senders as a list":               {"allowed_senders", list(text("AROA")), event.Client{Active: true, AllowedSenders: []string{"AROA"}, Faults: []string{"allowed_senders is a list, want a string set; it is read as one"}}},
		"senders as a text let nobody in": {"allowed_senders", text("AROA"), event.Client{Active: true, AllowedSenders: []string{nobody}, Faults: []string{"allowed_senders is a text, want a string set"}}},
		"an empty list lets nobody in":    {"allowed_senders", list(), event.Client{Active: true, AllowedSenders: []string{nobody}, Faults: []string{"allowed_senders is an empty list, want a string set"}}},
		"neither does null":               {"allowed_senders", null, event.Client{Active: true, AllowedSenders: []string{nobody}, Faults: []string{"allowed_senders is null, want a string set"}}},
	} {
		t.Run(name, func(t *testing.T) {
			item := map[string]types.AttributeValue{"client_id": text("c"), "active": boolean(true)}
			if item[tt.attribute] = tt.value; tt.value == nil {
				delete(item, tt.attribute)
			}
			tt.want.ID = "c"
			if diff := cmp.Diff(&tt.want, readClient(item), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("want (-), got (+):\n%s", diff)
			}
		})
	}
}
