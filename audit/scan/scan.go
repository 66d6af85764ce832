// Package scan reads sources of CloudTrail records and answers with ordered,
// deduplicated verdicts, detections and a summary.
//
// It promises that every record it was given is judged, counted or reported as
// damaged, and that the order of files never changes the answer. Its memory
// grows with the number of sign-ins and their relatives, not with the number of
// records.
package scan
