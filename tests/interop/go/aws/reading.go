package main

import (
	"errors"
	"net"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	streamtypes "github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	kinesistypes "github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

// parentsFirst orders shards so that each comes after those it continues.
func parentsFirst[Shard any](all []Shard, name func(Shard) string, parents func(Shard) []*string) []Shard {
	waiting := map[string]bool{}
	for _, shard := range all {
		waiting[name(shard)] = true
	}
	var ordered []Shard
	for len(ordered) < len(all) {
		before := len(ordered)
		for _, shard := range all {
			ready := waiting[name(shard)]
			for _, parent := range parents(shard) {
				ready = ready && (parent == nil || !waiting[*parent])
			}
			if ready {
				delete(waiting, name(shard))
				ordered = append(ordered, shard)
			}
		}
		expect(len(ordered) > before, "the lineage has a cycle")
	}
	return ordered
}

func shards() []kinesistypes.Shard {
	var found []kinesistypes.Shard
	wish := &kinesis.ListShardsInput{StreamName: aws.String(stream), MaxResults: aws.Int32(2)}
	for wish != nil {
		page := must(shardsOf.ListShards(ctx, wish))
		found = append(found, page.Shards...)
		wish = nil
		if page.NextToken != nil {
			wish = &kinesis.ListShardsInput{NextToken: page.NextToken, MaxResults: aws.Int32(2)}
		}
	}
	return parentsFirst(found,
		func(shard kinesistypes.Shard) string { return *shard.ShardId },
		func(shard kinesistypes.Shard) []*string {
			return []*string{shard.ParentShardId, shard.AdjacentParentShardId}
		})
}

// readByGetRecords reads until the relay has delivered everything that was written.
func readByGetRecords() Read {
	var sink *Sink
	until("all records", func() bool {
		sink = readOnceByGetRecords()
		return sink.Records >= writes
	})
	return sink.compare()
}

func readOnceByGetRecords() *Sink {
	sink := newSink()
	for _, shard := range shards() {
		iterator := must(shardsOf.GetShardIterator(ctx, &kinesis.GetShardIteratorInput{
			StreamName:        aws.String(stream),
			ShardId:           shard.ShardId,
			ShardIteratorType: kinesistypes.ShardIteratorTypeTrimHorizon,
		})).ShardIterator
		isOpen := shard.SequenceNumberRange.EndingSequenceNumber == nil
		for iterator != nil {
			page := must(shardsOf.GetRecords(ctx, &kinesis.GetRecordsInput{
				ShardIterator: iterator, Limit: aws.Int32(7),
			}))
			for _, record := range page.Records {
				sink.applyJSON(record.Data)
			}
			if isOpen && len(page.Records) == 0 && *page.MillisBehindLatest == 0 {
				break
			}
			iterator = page.NextShardIterator
			if iterator == nil {
				sink.Closed++
				expect(len(page.ChildShards) == 2, "a split shard told of %v", page.ChildShards)
			}
		}
	}
	return sink
}

func readByFanOut(streamArn string) Read {
	registered := must(shardsOf.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{
		StreamARN: aws.String(streamArn), ConsumerName: aws.String("go"),
	}))
	consumer := registered.Consumer.ConsumerARN
	until("the consumer", func() bool {
		told := must(shardsOf.DescribeStreamConsumer(ctx, &kinesis.DescribeStreamConsumerInput{ConsumerARN: consumer}))
		return told.ConsumerDescription.ConsumerStatus == kinesistypes.ConsumerStatusActive
	})
	sink := newSink()
	for _, shard := range shards() {
		position := &kinesistypes.StartingPosition{Type: kinesistypes.ShardIteratorTypeTrimHorizon}
		for position != nil {
			position = sink.follow(consumer, shard, position)
		}
	}
	return sink.compare()
}

// follow reads a shard's subscription; it gives where to subscribe again, or nil when all was read.
//
// The SDK closes the request's body as soon as the answer begins. Where the answer is faster than the
// transport's own look at the end of that body, the transport takes this for a failed write and closes
// the connection under the stream, on this side; a consumer subscribes again from where it stood.
func (sink *Sink) follow(
	consumer *string, shard kinesistypes.Shard, position *kinesistypes.StartingPosition,
) *kinesistypes.StartingPosition {
	subscription := must(shardsOf.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: consumer, ShardId: shard.ShardId, StartingPosition: position,
	})).GetStream()
	defer subscription.Close()
	isOpen, hasEnded := shard.SequenceNumberRange.EndingSequenceNumber == nil, false
	for happened := range subscription.Events() {
		event := happened.(*kinesistypes.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
		for _, record := range event.Records {
			sink.applyJSON(record.Data)
		}
		if len(event.ChildShards) > 0 {
			sink.Closed++
			hasEnded = true
		}
		if isOpen && *event.MillisBehindLatest == 0 {
			return nil
		}
		position = &kinesistypes.StartingPosition{
			Type:           kinesistypes.ShardIteratorTypeAfterSequenceNumber,
			SequenceNumber: event.ContinuationSequenceNumber,
		}
	}
	if hasEnded {
		return nil
	}
	err := subscription.Err()
	expect(errors.Is(err, net.ErrClosed), "the subscription to %s ended before the shard did: %v", *shard.ShardId, err)
	return position
}

func readTableStream(tableStream string) Read {
	sink := newSink()
	told := must(streams.DescribeStream(ctx, &dynamodbstreams.DescribeStreamInput{StreamArn: aws.String(tableStream)}))
	lineage := parentsFirst(told.StreamDescription.Shards,
		func(shard streamtypes.Shard) string { return *shard.ShardId },
		func(shard streamtypes.Shard) []*string { return []*string{shard.ParentShardId} })
	for _, shard := range lineage {
		iterator := must(streams.GetShardIterator(ctx, &dynamodbstreams.GetShardIteratorInput{
			StreamArn:         aws.String(tableStream),
			ShardId:           shard.ShardId,
			ShardIteratorType: streamtypes.ShardIteratorTypeTrimHorizon,
		})).ShardIterator
		isOpen := shard.SequenceNumberRange.EndingSequenceNumber == nil
		for iterator != nil {
			page := must(streams.GetRecords(ctx, &dynamodbstreams.GetRecordsInput{
				ShardIterator: iterator, Limit: aws.Int32(7),
			}))
			for _, record := range page.Records {
				sortKey := record.Dynamodb.Keys["sk"].(*streamtypes.AttributeValueMemberS).Value
				var image map[string]types.AttributeValue
				if record.Dynamodb.NewImage != nil {
					image = must(attributevalue.FromDynamoDBStreamsMap(record.Dynamodb.NewImage))
				}
				sink.apply(string(record.EventName), sortKey, image)
			}
			if isOpen && len(page.Records) == 0 {
				break
			}
			iterator = page.NextShardIterator
			if iterator == nil {
				sink.Closed++
			}
		}
	}
	return sink.compare()
}
