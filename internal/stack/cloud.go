package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

// Cloud names what the stack runs on: AWS where no endpoint is set, else what answers there, with its version where
// it tells. Local clouds answer under LocalStack's path; MiniStack is the one that has a path of its own beside it.
func (s *Stack) Cloud(ctx context.Context) (name, version string, err error) {
	endpoint := s.endpoint()
	if endpoint == "" {
		return "AWS", "", nil
	}
	for _, from := range []struct{ name, path string }{{"MiniStack", "/_ministack/health"}, {"LocalStack", "/_localstack/health"}} {
		status, body, err := get(ctx, endpoint+from.path, "")
		if err != nil {
			return "", "", fmt.Errorf("ask what answers on %s: %w", endpoint, err)
		}
		if status == http.StatusOK {
			var health struct{ Version string }
			_ = json.Unmarshal(body, &health) // what is no JSON says nothing
			return from.name, health.Version, nil
		}
	}
	return "an unknown cloud", "", nil
}

// EnforcesIAM tries with the processor's role what it must not do: read the settings of a function.
func (s *Stack) EnforcesIAM(ctx context.Context) (bool, error) {
	of, err := s.lambda.GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &s.Processor})
	if err != nil {
		return false, fmt.Errorf("read the role of %s: %w", s.Processor, err)
	}
	cfg := s.Config.Copy()
	cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(s.Config), aws.ToString(of.Role)))
	_, err = lambda.NewFromConfig(cfg).GetFunctionConfiguration(ctx, &lambda.GetFunctionConfigurationInput{FunctionName: &s.Processor})
	var refused smithy.APIError
	if errors.As(err, &refused) && strings.HasPrefix(refused.ErrorCode(), "AccessDenied") {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("find out whether IAM is enforced: %w", err)
	}
	return false, nil
}
