// Package mapping knows the event source mapping, which takes messages from the queue to the processor.
package mapping

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
)

// Mapping is one event source mapping.
type Mapping struct {
	api *lambda.Client
	id  string
}

// New looks at the mapping of an id (a UUID, what the template's Ref returns).
func New(cfg aws.Config, id string) *Mapping { return &Mapping{api: lambda.NewFromConfig(cfg), id: id} }

// State is the mapping's state in Lambda's word, such as Enabled, and whether messages flow in it.
// On LocalStack it may say Disabled after an update although messages flow.
func (m *Mapping) State(ctx context.Context) (word string, working bool, err error) {
	out, err := m.api.GetEventSourceMapping(ctx, &lambda.GetEventSourceMappingInput{UUID: aws.String(m.id)})
	if err != nil {
		return "", false, err
	}
	word = aws.ToString(out.State)
	return word, word == "Enabled" || word == "Updating", nil // messages flow on during an update
}

// Disabled is the state of a mapping that somebody switched off.
const Disabled = "Disabled"

// Enable switches the mapping on. One that is on stays as it is.
func (m *Mapping) Enable(ctx context.Context) error {
	_, err := m.api.UpdateEventSourceMapping(ctx, &lambda.UpdateEventSourceMappingInput{UUID: aws.String(m.id), Enabled: aws.Bool(true)})
	return err
}
