package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Resource is one of which the stack says that it has it. Whether it is there, only its own service knows: a stack
// does not notice what is deleted behind its back, and a deployment finds nothing to do.
type Resource struct {
	ID   string // in the template
	Type string // such as AWS::DynamoDB::Table
	Name string // a table's or function's name, a queue's URL, a mapping's UUID
}

// The types that are asked for, and repaired.
const (
	TableType    = "AWS::DynamoDB::Table"
	QueueType    = "AWS::SQS::Queue"
	FunctionType = "AWS::Lambda::Function"
	MappingType  = "AWS::Lambda::EventSourceMapping"
	URLType      = "AWS::Lambda::Url"
	LogType      = "AWS::Logs::LogGroup"
	RoleType     = "AWS::IAM::Role"
)

// Says lists what the stack says it has; nothing where it is not deployed.
func Says(ctx context.Context, cfg aws.Config, name string) (resources []Resource, err error) {
	out, err := cloudformation.NewFromConfig(cfg).DescribeStackResources(ctx, &cloudformation.DescribeStackResourcesInput{StackName: &name})
	if err != nil && strings.Contains(err.Error(), "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find what stack %s consists of: %w", name, err)
	}
	for _, r := range out.StackResources {
		resource := Resource{aws.ToString(r.LogicalResourceId), aws.ToString(r.ResourceType), aws.ToString(r.PhysicalResourceId)}
		if resource.Type == QueueType {
			resource.Name = below(endpointOf(cfg), resource.Name)
		}
		resources = append(resources, resource)
	}
	return resources, nil
}

// AskLambda asks for a function, or for a function's URL.
func AskLambda(ctx context.Context, cfg aws.Config, r Resource) error {
	var err error
	if r.Type == URLType {
		_, err = lambda.NewFromConfig(cfg).GetFunctionUrlConfig(ctx, &lambda.GetFunctionUrlConfigInput{FunctionName: &r.Name})
	} else {
		_, err = lambda.NewFromConfig(cfg).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &r.Name})
	}
	return err
}

// AskLogs asks for a log group.
func AskLogs(ctx context.Context, cfg aws.Config, r Resource) error {
	out, err := cloudwatchlogs.NewFromConfig(cfg).DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &r.Name})
	if err != nil {
		return err
	}
	for _, g := range out.LogGroups {
		if aws.ToString(g.LogGroupName) == r.Name {
			return nil
		}
	}
	return errors.New("ResourceNotFoundException: there is no such log group")
}

// AskRole asks for a role with policies of the template. Those that the scripts add under a local cloud's AUTH do not count.
func AskRole(ctx context.Context, cfg aws.Config, r Resource) error {
	out, err := iam.NewFromConfig(cfg).ListRolePolicies(ctx, &iam.ListRolePoliciesInput{RoleName: &r.Name})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(out.PolicyNames, func(name string) bool { return name != "ministack-calls" }) {
		return errors.New("NoSuchEntity: the role has no policy")
	}
	return nil
}

// Forget updates the stack to one without these resources, so that the next deployment makes them. Everything else
// stays as it is, with what is in it: where it names what is forgotten, it names it by hand. What stands on a
// function and holds nothing (its URL, its permissions, a mapping to it) goes and comes with it.
func Forget(ctx context.Context, cfg aws.Config, name string, gone []Resource) error {
	api := cloudformation.NewFromConfig(cfg)
	described, err := api.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if err != nil || len(described.Stacks) != 1 {
		return fmt.Errorf("find stack %s: %w", name, err)
	}
	now, err := api.GetTemplate(ctx, &cloudformation.GetTemplateInput{StackName: &name, TemplateStage: types.TemplateStageProcessed})
	if err != nil {
		return fmt.Errorf("read the template of stack %s: %w", name, err)
	}
	rest, err := without(aws.ToString(now.TemplateBody), aws.ToString(described.Stacks[0].StackId), gone)
	if err != nil {
		return fmt.Errorf("read the template of stack %s: %w", name, err)
	}
	update := &cloudformation.UpdateStackInput{
		StackName: &name, TemplateBody: &rest,
		Capabilities: []types.Capability{types.CapabilityCapabilityIam, types.CapabilityCapabilityNamedIam},
	}
	for _, p := range described.Stacks[0].Parameters {
		update.Parameters = append(update.Parameters, types.Parameter{ParameterKey: p.ParameterKey, UsePreviousValue: aws.Bool(true)})
	}
	if _, err := api.UpdateStack(ctx, update); err != nil {
		return fmt.Errorf("update stack %s: %w", name, err)
	}
	const limit = 2 * time.Minute
	waiter := cloudformation.NewStackUpdateCompleteWaiter(api, func(o *cloudformation.StackUpdateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = time.Second, 5*time.Second
	})
	if err := waiter.Wait(ctx, &cloudformation.DescribeStacksInput{StackName: &name}, limit); err != nil {
		return fmt.Errorf("update stack %s: %w", name, err)
	}
	return nil
}

type object = map[string]any

// without is a template, as JSON, without resources that are gone. stackID is an ARN, and has region and account.
func without(template, stackID string, gone []Resource) (string, error) {
	var t object
	if err := json.Unmarshal([]byte(template), &t); err != nil {
		return "", err
	}
	resources, ok := t["Resources"].(object)
	arn := strings.Split(stackID, ":")
	if !ok || len(arn) < 5 {
		return "", errors.New("it has no resources, or no ARN")
	}
	names := map[string]string{} // what to call what is gone, by its id, and its ARN by ID.Arn
	for _, r := range gone {
		names[r.ID], names[r.ID+".Arn"] = r.Name, arnOf(r, arn[3], arn[4])
		delete(resources, r.ID)
	}
	for id, r := range resources {
		if standsOnFunction(r, gone) {
			names[id] = id // named by nobody that stays but the health function's settings, which are set anew
			delete(resources, id)
		}
	}
	// Outputs may name what is known of a resource that is there only.
	delete(t, "Outputs")
	t["Resources"] = byHand(resources, names)
	text, err := json.Marshal(t)
	return string(text), err
}

// standsOnFunction is whether a resource is nothing without a function that is gone.
func standsOnFunction(r any, gone []Resource) bool {
	definition, _ := r.(object)
	switch definition["Type"] {
	case URLType, MappingType, "AWS::Lambda::Permission":
	default:
		return false
	}
	return slices.ContainsFunc(gone, func(g Resource) bool { return g.Type == FunctionType && mentions(definition, g.ID) })
}

// mentions is whether a part of a template refers to a resource.
func mentions(part any, id string) bool {
	switch part := part.(type) {
	case object:
		for name, value := range part {
			if to, _ := reference(name, value); to == id || mentions(value, id) {
				return true
			}
		}
	case []any:
		return slices.ContainsFunc(part, func(p any) bool { return mentions(p, id) })
	}
	return false
}

// byHand is a part of a template with its references to what is gone replaced by names.
func byHand(part any, names map[string]string) any {
	switch part := part.(type) {
	case object:
		for name, value := range part {
			to, attribute := reference(name, value)
			known, there := names[strings.TrimSuffix(to+"."+attribute, ".")]
			if there && len(part) == 1 {
				return known
			}
			if name == "DependsOn" {
				part[name] = remaining(value, names)
				continue
			}
			part[name] = byHand(value, names)
		}
	case []any:
		for i := range part {
			part[i] = byHand(part[i], names)
		}
	}
	return part
}

// reference reads {"Ref": id} and {"Fn::GetAtt": [id, attribute]}.
func reference(name string, value any) (id, attribute string) {
	switch name {
	case "Ref":
		id, _ = value.(string)
	case "Fn::GetAtt":
		if list, _ := value.([]any); len(list) == 2 {
			id, _ = list[0].(string)
			attribute, _ = list[1].(string)
		} else if text, isText := value.(string); isText {
			id, attribute, _ = strings.Cut(text, ".")
		}
	}
	return id, attribute
}

// remaining is a DependsOn without what is gone.
func remaining(value any, names map[string]string) []any {
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	return slices.DeleteFunc(list, func(id any) bool { name, _ := id.(string); _, isGone := names[name]; return isGone })
}

func arnOf(r Resource, region, account string) string {
	switch r.Type {
	case TableType:
		return fmt.Sprintf("arn:aws:dynamodb:%s:%s:table/%s", region, account, r.Name)
	case QueueType:
		return fmt.Sprintf("arn:aws:sqs:%s:%s:%s", region, account, r.Name[strings.LastIndex(r.Name, "/")+1:])
	case FunctionType:
		return fmt.Sprintf("arn:aws:lambda:%s:%s:function:%s", region, account, r.Name)
	case RoleType:
		return fmt.Sprintf("arn:aws:iam::%s:role/%s", account, r.Name)
	case LogType:
		return fmt.Sprintf("arn:aws:logs:%s:%s:log-group:%s:*", region, account, r.Name)
	default:
		return r.Name
	}
}
