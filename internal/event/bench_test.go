package event

import "testing"

func BenchmarkAdmit(b *testing.B) {
	client := Client{ID: "c", Active: true, AllowedTypes: []string{"transaction", "integration"}, AllowedSenders: []string{"AROAONE", "AROATWO"}}
	b.ReportAllocs()
	for b.Loop() {
		if err := client.Admit("integration", "AROATWO:session", nil); err != nil {
			b.Fatal(err)
		}
	}
}
