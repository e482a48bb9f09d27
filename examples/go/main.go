// Carries a DynamoDB table into ClickHouse: the S3 export first, then the Kinesis stream.
//
//	go build -o pipeline . && ./pipeline
//
// Everything it needs stands in its environment (docs/pipeline-contract.md). It may be killed at
// any moment: rows are versioned, so doing the same work twice changes nothing.
//
// BUG=1 begins at the stream's end, to show what a failing run looks like.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"sort"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const ended = "ended"

// State is what survives a restart.
type State struct {
	Snapshot bool              `json:"snapshot"`
	Shards   map[string]string `json:"shards"`
}

// Pipeline holds both ends and the state between them.
type Pipeline struct {
	kinesis    *kinesis.Client
	clickhouse ClickHouse
	stream     string
	state      State
	stateFile  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	pipeline := Pipeline{
		kinesis:    newKinesis(),
		clickhouse: newClickHouse(os.Getenv("CLICKHOUSE_URL"), os.Getenv("HARNESS_TARGET")),
		stream:     os.Getenv("HARNESS_STREAM_ARN"),
		state:      State{Shards: map[string]string{}},
		stateFile:  filepath.Join(os.Getenv("HARNESS_STATE_DIR"), "checkpoints.json"),
	}
	if err := pipeline.run(ctx); err != nil && ctx.Err() == nil {
		log.Fatal(err)
	}
}

func newKinesis() *kinesis.Client {
	return kinesis.New(kinesis.Options{
		Region:       os.Getenv("AWS_REGION"),
		BaseEndpoint: aws.String(os.Getenv("AWS_ENDPOINT_URL")),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID:     os.Getenv("AWS_ACCESS_KEY_ID"),
				SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"),
			}, nil
		}),
	})
}

func (p *Pipeline) run(ctx context.Context) error {
	if kept, err := os.ReadFile(p.stateFile); err == nil {
		if err := json.Unmarshal(kept, &p.state); err != nil {
			return err
		}
	}
	if export := os.Getenv("HARNESS_EXPORT"); export != "" && !p.state.Snapshot {
		if err := p.clickhouse.loadSnapshot(ctx, export); err != nil {
			return err
		}
		p.state.Snapshot = true
		if err := p.save(); err != nil {
			return err
		}
	}
	return p.follow(ctx)
}

// follow reads every shard forward; a child only after its parents, so that a key stays in order.
func (p *Pipeline) follow(ctx context.Context) error {
	iterators := map[string]*string{}
	for ctx.Err() == nil {
		shards, err := p.readable(ctx)
		if err != nil {
			return err
		}
		var rows []Row
		reached := map[string]string{}
		for _, shard := range shards {
			if iterators[shard] == nil {
				if iterators[shard], err = p.open(ctx, shard); err != nil {
					return err
				}
			}
			answer, err := p.kinesis.GetRecords(ctx, &kinesis.GetRecordsInput{
				ShardIterator: iterators[shard], Limit: aws.Int32(1000),
			})
			var expired *types.ExpiredIteratorException
			if errors.As(err, &expired) {
				delete(iterators, shard)
				continue
			} else if err != nil {
				return err
			}
			for _, record := range answer.Records {
				row, err := toRow(record.Data)
				if err != nil {
					return fmt.Errorf("record %s: %w", *record.SequenceNumber, err)
				}
				rows = append(rows, row)
				reached[shard] = *record.SequenceNumber
			}
			iterators[shard] = answer.NextShardIterator
			if answer.NextShardIterator == nil {
				reached[shard] = ended
			}
		}
		if err := p.store(ctx, rows, reached); err != nil {
			return err
		}
		if len(rows) == 0 {
			select {
			case <-ctx.Done():
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return nil
}

// store moves the checkpoints only after the insert: what was not stored must be read again.
func (p *Pipeline) store(ctx context.Context, rows []Row, reached map[string]string) error {
	if len(rows) > 0 {
		if err := p.clickhouse.insert(ctx, rows); err != nil {
			return err
		}
	}
	if len(reached) == 0 {
		return nil
	}
	for shard, position := range reached {
		p.state.Shards[shard] = position
	}
	return p.save()
}

// readable lists the shards that have not ended and whose parents have (or have expired).
func (p *Pipeline) readable(ctx context.Context) ([]string, error) {
	shards := map[string]types.Shard{}
	ask := &kinesis.ListShardsInput{StreamARN: aws.String(p.stream)}
	for ask != nil {
		page, err := p.kinesis.ListShards(ctx, ask)
		if err != nil {
			return nil, err
		}
		for _, shard := range page.Shards {
			shards[*shard.ShardId] = shard
		}
		ask = nil
		if page.NextToken != nil {
			ask = &kinesis.ListShardsInput{NextToken: page.NextToken}
		}
	}
	var found []string
	for id, shard := range shards {
		waits := false
		for _, parent := range []*string{shard.ParentShardId, shard.AdjacentParentShardId} {
			if parent == nil {
				continue
			}
			_, listed := shards[*parent]
			waits = waits || listed && p.state.Shards[*parent] != ended
		}
		if p.state.Shards[id] != ended && !waits {
			found = append(found, id)
		}
	}
	// Go walks a map in another order each time: a schedule that is to repeat needs one order.
	sort.Strings(found)
	return found, nil
}

func (p *Pipeline) open(ctx context.Context, shard string) (*string, error) {
	ask := &kinesis.GetShardIteratorInput{
		StreamARN:         aws.String(p.stream),
		ShardId:           aws.String(shard),
		ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	}
	if os.Getenv("BUG") == "1" {
		ask.ShardIteratorType = types.ShardIteratorTypeLatest
	}
	if position := p.state.Shards[shard]; position != "" {
		ask.ShardIteratorType = types.ShardIteratorTypeAfterSequenceNumber
		ask.StartingSequenceNumber = aws.String(position)
	}
	answer, err := p.kinesis.GetShardIterator(ctx, ask)
	if err != nil {
		return nil, err
	}
	return answer.ShardIterator, nil
}

// save replaces the file at once: a kill leaves the old or the new one, never half of it.
func (p *Pipeline) save() error {
	body, err := json.Marshal(p.state)
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.stateFile+".new", body, 0o644); err != nil {
		return err
	}
	return os.Rename(p.stateFile+".new", p.stateFile)
}
