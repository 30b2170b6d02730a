package stack

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWithout has a template go on without what is gone, the rest as it was.
func TestWithout(t *testing.T) {
	const template = `{
		"Parameters": {"Stage": {"Type": "String"}},
		"Resources": {
			"Dead": {"Type": "AWS::SQS::Queue"},
			"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}}}},
			"Table": {"Type": "AWS::DynamoDB::Table"},
			"Role": {"Type": "AWS::IAM::Role", "Properties": {"Resource": [{"Fn::GetAtt": "Table.Arn"}, {"Fn::GetAtt": ["Queue", "Arn"]}]}},
			"Function": {"Type": "AWS::Lambda::Function", "DependsOn": ["Table", "Role"], "Properties": {"TABLE": {"Ref": "Table"}, "ID": {"Ref": "Mapping"}}},
			"Other": {"Type": "AWS::Lambda::Function", "DependsOn": "Table"},
			"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"FunctionName": {"Ref": "Function"}}},
			"Url": {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": {"Fn::GetAtt": ["Other", "Arn"]}}}
		},
		"Outputs": {"Table": {"Value": {"Ref": "Table"}}}
	}`
	const stackID = "arn:aws:cloudformation:eu-west-1:123456789012:stack/event-processor/1"
	table := Resource{"Table", TableType, "events"}
	dead := Resource{"Dead", QueueType, "http://127.0.0.1:4566/123456789012/event-dlq"}
	for name, tt := range map[string]struct {
		gone []Resource
		want string // of the resources
	}{
		"a table and a queue": {[]Resource{table, dead}, `{
			"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": {"deadLetterTargetArn": "arn:aws:sqs:eu-west-1:123456789012:event-dlq"}}},
			"Role": {"Type": "AWS::IAM::Role", "Properties": {"Resource": ["arn:aws:dynamodb:eu-west-1:123456789012:table/events", {"Fn::GetAtt": ["Queue", "Arn"]}]}},
			"Function": {"Type": "AWS::Lambda::Function", "DependsOn": ["Role"], "Properties": {"TABLE": "events", "ID": {"Ref": "Mapping"}}},
			"Other": {"Type": "AWS::Lambda::Function", "DependsOn": []},
			"Mapping": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"FunctionName": {"Ref": "Function"}}},
			"Url": {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": {"Fn::GetAtt": ["Other", "Arn"]}}}
		}`},
		"a function, and what stands on it": {[]Resource{{"Function", FunctionType, "event-processor"}}, `{
			"Dead": {"Type": "AWS::SQS::Queue"},
			"Queue": {"Type": "AWS::SQS::Queue", "Properties": {"RedrivePolicy": {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}}}},
			"Table": {"Type": "AWS::DynamoDB::Table"},
			"Role": {"Type": "AWS::IAM::Role", "Properties": {"Resource": [{"Fn::GetAtt": "Table.Arn"}, {"Fn::GetAtt": ["Queue", "Arn"]}]}},
			"Other": {"Type": "AWS::Lambda::Function", "DependsOn": ["Table"]},
			"Url": {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": {"Fn::GetAtt": ["Other", "Arn"]}}}
		}`},
	} {
		t.Run(name, func(t *testing.T) {
			text, err := without(template, stackID, tt.gone)
			if err != nil {
				t.Fatal(err)
			}
			var got, want object
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got["Resources"]); diff != "" {
				t.Errorf("the resources differ (-want +got):\n%s", diff)
			}
			if got["Parameters"] == nil || got["Outputs"] != nil {
				t.Errorf("parameters %v, outputs %v", got["Parameters"], got["Outputs"])
			}
		})
	}
	if _, err := without("{}", stackID, nil); err == nil {
		t.Error("a template without resources was read")
	}
}
