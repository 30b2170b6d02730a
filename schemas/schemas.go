// Package schemas embeds the JSON Schemas (draft 2020-12) of events: event-schema.json for the envelope and
// payloads/<eventType>/<version>.json. A new version is a new file.
package schemas

import "embed"

// Files are the schemas, by their paths in this folder.
//
//go:embed event-schema.json payloads
var Files embed.FS
