// Copyright 2026 The streamduck authors. SPDX-License-Identifier: Apache-2.0

package sdk

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/messaging/azeventhubs/v2"
)

// store keeps checkpoints and ownership in memory; a claim is good when its tag is the present one.
type store struct {
	mutex       sync.Mutex
	tags        int
	ownership   map[string]azeventhubs.Ownership
	checkpoints map[string]azeventhubs.Checkpoint
}

func newStore() *store {
	return &store{ownership: map[string]azeventhubs.Ownership{}, checkpoints: map[string]azeventhubs.Checkpoint{}}
}

func (s *store) ClaimOwnership(_ context.Context, wanted []azeventhubs.Ownership,
	_ *azeventhubs.ClaimOwnershipOptions) ([]azeventhubs.Ownership, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	claimed := []azeventhubs.Ownership{}
	for _, want := range wanted {
		if have, ok := s.ownership[want.PartitionID]; ok && (want.ETag == nil || *want.ETag != *have.ETag) {
			continue
		}
		s.tags++
		want.ETag, want.LastModifiedTime = pointer(azcore.ETag(fmt.Sprint(s.tags))), time.Now()
		s.ownership[want.PartitionID] = want
		claimed = append(claimed, want)
	}
	return claimed, nil
}

func (s *store) ListOwnership(context.Context, string, string, string,
	*azeventhubs.ListOwnershipOptions) ([]azeventhubs.Ownership, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return values(s.ownership), nil
}

func (s *store) SetCheckpoint(_ context.Context, checkpoint azeventhubs.Checkpoint,
	_ *azeventhubs.SetCheckpointOptions) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.checkpoints[checkpoint.PartitionID] = checkpoint
	return nil
}

func (s *store) ListCheckpoints(context.Context, string, string, string,
	*azeventhubs.ListCheckpointsOptions) ([]azeventhubs.Checkpoint, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return values(s.checkpoints), nil
}

func values[T any](of map[string]T) []T {
	list := []T{}
	for _, value := range of {
		list = append(list, value)
	}
	return list
}
