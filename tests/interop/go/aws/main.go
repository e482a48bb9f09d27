// The AWS SDK for Go, unmodified: `aws ENDPOINT` writes a table, exports it, and reads all its changes back in
// three ways, through a split. Prints one JSON object of what it saw.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/dynamodb/attributevalue"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

const (
	waitMax = 60 * time.Second
	pause   = 50 * time.Millisecond
	table   = "orders"
	stream  = "changes"
	bucket  = "exports"
	writes  = 102
)

var (
	ctx      = context.Background()
	dynamo   *dynamodb.Client
	streams  *dynamodbstreams.Client
	shardsOf *kinesis.Client
	objects  *s3.Client
)

// Item is what the table holds.
type Item struct {
	PK     string   `dynamodbav:"pk"`
	SK     string   `dynamodbav:"sk"`
	N      int      `dynamodbav:"n"`
	Price  float64  `dynamodbav:"price"`
	Blob   []byte   `dynamodbav:"blob"`
	Tags   []string `dynamodbav:"tags,stringset"`
	Nested Nested   `dynamodbav:"nested"`
}

// Nested is a map in an item.
type Nested struct {
	List  []any          `dynamodbav:"list"`
	Empty map[string]any `dynamodbav:"empty"`
}

// Totals say what a set of items is.
type Totals struct {
	Items int `json:"items"`
	Sum   int `json:"sum"`
}

// Read says what one way of reading the changes gave.
type Read struct {
	Records int `json:"records"`
	Insert  int `json:"INSERT"`
	Modify  int `json:"MODIFY"`
	Remove  int `json:"REMOVE"`
	Totals
	Closed int `json:"closed"`
}

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func expect(claim bool, what string, values ...any) {
	if !claim {
		log.Panicf(what, values...)
	}
}

func until(what string, look func() bool) {
	for deadline := time.Now().Add(waitMax); !look(); time.Sleep(pause) {
		expect(time.Now().Before(deadline), "waited in vain for %s", what)
	}
}

func id(number int) string { return fmt.Sprintf("item-%03d", number) }

func item(number int) Item {
	return Item{
		PK: "all", SK: id(number), N: number, Price: float64(number) + 0.25,
		Blob: []byte{byte(number), 255}, Tags: []string{"a", fmt.Sprintf("t%d", number)},
		Nested: Nested{List: []any{1.0, "x", nil, true}, Empty: map[string]any{}},
	}
}

func key(number int) map[string]types.AttributeValue {
	return map[string]types.AttributeValue{
		"pk": &types.AttributeValueMemberS{Value: "all"},
		"sk": &types.AttributeValueMemberS{Value: id(number)},
	}
}

func totals(items map[string]Item) Totals {
	all := Totals{Items: len(items)}
	for _, one := range items {
		all.Sum += one.N
	}
	return all
}

// Sink applies changes in order.
type Sink struct {
	items map[string]Item
	Read
}

func newSink() *Sink { return &Sink{items: map[string]Item{}} }

func (sink *Sink) apply(event string, sortKey string, image map[string]types.AttributeValue) {
	sink.Records++
	switch event {
	case "INSERT":
		sink.Insert++
	case "MODIFY":
		sink.Modify++
	case "REMOVE":
		sink.Remove++
	}
	if image == nil {
		delete(sink.items, sortKey)
		return
	}
	var read Item
	check(attributevalue.UnmarshalMap(image, &read))
	sink.items[sortKey] = read
}

func (sink *Sink) applyJSON(data []byte) {
	var change struct {
		EventName string `json:"eventName"`
		Dynamodb  struct {
			Keys     map[string]map[string]any
			NewImage map[string]map[string]any
		} `json:"dynamodb"`
	}
	check(json.Unmarshal(data, &change))
	var image map[string]types.AttributeValue
	if change.Dynamodb.NewImage != nil {
		image = values(change.Dynamodb.NewImage, 2)
	}
	sink.apply(change.EventName, change.Dynamodb.Keys["sk"]["S"].(string), image)
}

// compare holds the sink's items against a scan.
func (sink *Sink) compare() Read {
	scanned := map[string]Item{}
	pages := dynamodb.NewScanPaginator(dynamo, &dynamodb.ScanInput{TableName: aws.String(table), Limit: aws.Int32(20)})
	for pages.HasMorePages() {
		var items []Item
		check(attributevalue.UnmarshalListOfMaps(must(pages.NextPage(ctx)).Items, &items))
		for _, one := range items {
			scanned[one.SK] = one
		}
	}
	expect(reflect.DeepEqual(sink.items, scanned), "read %v\nbut the table has %v", sink.items, scanned)
	sink.Totals = totals(sink.items)
	return sink.Read
}

// values reads DynamoDB's JSON, whose bytes are base64 as often as encodings says.
func values(item map[string]map[string]any, encodings int) map[string]types.AttributeValue {
	found := map[string]types.AttributeValue{}
	for name, one := range item {
		found[name] = value(one, encodings)
	}
	return found
}

func value(typed map[string]any, encodings int) types.AttributeValue {
	for kind, inner := range typed {
		switch kind {
		case "S":
			return &types.AttributeValueMemberS{Value: inner.(string)}
		case "N":
			return &types.AttributeValueMemberN{Value: inner.(string)}
		case "BOOL":
			return &types.AttributeValueMemberBOOL{Value: inner.(bool)}
		case "NULL":
			return &types.AttributeValueMemberNULL{Value: true}
		case "B":
			decoded := []byte(inner.(string))
			for range encodings {
				quoted := must(json.Marshal(string(decoded)))
				decoded = nil
				check(json.Unmarshal(quoted, &decoded))
			}
			return &types.AttributeValueMemberB{Value: decoded}
		case "SS":
			var all []string
			for _, one := range inner.([]any) {
				all = append(all, one.(string))
			}
			return &types.AttributeValueMemberSS{Value: all}
		case "L":
			var all []types.AttributeValue
			for _, one := range inner.([]any) {
				all = append(all, value(one.(map[string]any), encodings))
			}
			return &types.AttributeValueMemberL{Value: all}
		case "M":
			all := map[string]types.AttributeValue{}
			for name, one := range inner.(map[string]any) {
				all[name] = value(one.(map[string]any), encodings)
			}
			return &types.AttributeValueMemberM{Value: all}
		}
	}
	log.Panicf("no attribute value: %v", typed)
	return nil
}

func main() {
	endpoint := os.Args[1]
	configuration := aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String(endpoint),
		Credentials:  credentials.NewStaticCredentialsProvider("test", "test", ""),
	}
	dynamo = dynamodb.NewFromConfig(configuration)
	streams = dynamodbstreams.NewFromConfig(configuration)
	shardsOf = kinesis.NewFromConfig(configuration)
	objects = s3.NewFromConfig(configuration, func(options *s3.Options) { options.UsePathStyle = true })

	tableArn, tableStream, streamArn := create()
	writeFirst()
	exported := export(tableArn)
	reshard(endpoint, tableStream)
	refused := writeSecond()

	told := map[string]any{
		"exported": exported,
		"refused":  refused,
		"queried":  query(),
		"object":   object(),
		"records":  readByGetRecords(),
		"fanOut":   readByFanOut(streamArn),
		"stream":   readTableStream(tableStream),
	}
	fmt.Println(string(must(json.Marshal(told))))
}

func create() (tableArn, tableStream, streamArn string) {
	attribute := func(name string) types.AttributeDefinition {
		return types.AttributeDefinition{AttributeName: aws.String(name), AttributeType: types.ScalarAttributeTypeS}
	}
	created := must(dynamo.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName: aws.String(table),
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
		},
		AttributeDefinitions: []types.AttributeDefinition{attribute("pk"), attribute("sk")},
		BillingMode:          types.BillingModePayPerRequest,
		StreamSpecification: &types.StreamSpecification{
			StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewAndOldImages,
		},
	}))
	tableArn, tableStream = *created.TableDescription.TableArn, *created.TableDescription.LatestStreamArn
	exists := dynamodb.NewTableExistsWaiter(dynamo, func(options *dynamodb.TableExistsWaiterOptions) {
		options.MinDelay = time.Second
	})
	check(exists.Wait(ctx, &dynamodb.DescribeTableInput{TableName: aws.String(table)}, waitMax))

	must(shardsOf.CreateStream(ctx, &kinesis.CreateStreamInput{
		StreamName: aws.String(stream), ShardCount: aws.Int32(1),
	}))
	streamArn = waitForStream()
	must(dynamo.EnableKinesisStreamingDestination(ctx, &dynamodb.EnableKinesisStreamingDestinationInput{
		TableName: aws.String(table), StreamArn: aws.String(streamArn),
	}))
	until("the destination", func() bool {
		told := must(dynamo.DescribeKinesisStreamingDestination(ctx,
			&dynamodb.DescribeKinesisStreamingDestinationInput{TableName: aws.String(table)}))
		return told.KinesisDataStreamDestinations[0].DestinationStatus == types.DestinationStatusActive
	})
	must(dynamo.UpdateContinuousBackups(ctx, &dynamodb.UpdateContinuousBackupsInput{
		TableName: aws.String(table),
		PointInTimeRecoverySpecification: &types.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: aws.Bool(true),
		},
	}))
	must(objects.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: aws.String(bucket)}))
	return tableArn, tableStream, streamArn
}

func waitForStream() string {
	exists := kinesis.NewStreamExistsWaiter(shardsOf, func(options *kinesis.StreamExistsWaiterOptions) {
		options.MinDelay = time.Second
	})
	wish := &kinesis.DescribeStreamInput{StreamName: aws.String(stream)}
	return *must(exists.WaitForOutput(ctx, wish, waitMax)).StreamDescription.StreamARN
}

func writeFirst() {
	for number := range 30 {
		put(number, nil)
	}
	for _, span := range [][2]int{{30, 55}, {55, 60}} {
		var requests []types.WriteRequest
		for number := span[0]; number < span[1]; number++ {
			image := must(attributevalue.MarshalMap(item(number)))
			requests = append(requests, types.WriteRequest{PutRequest: &types.PutRequest{Item: image}})
		}
		must(dynamo.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
			RequestItems: map[string][]types.WriteRequest{table: requests},
		}))
	}
}

func put(number int, condition *string) {
	check(tryPut(number, condition))
}

func tryPut(number int, condition *string) error {
	_, err := dynamo.PutItem(ctx, &dynamodb.PutItemInput{
		TableName:                           aws.String(table),
		Item:                                must(attributevalue.MarshalMap(item(number))),
		ConditionExpression:                 condition,
		ReturnValuesOnConditionCheckFailure: types.ReturnValuesOnConditionCheckFailureAllOld,
	})
	return err
}

func reshard(endpoint, tableStream string) {
	middle := new(big.Int).Lsh(big.NewInt(1), 127)
	must(shardsOf.SplitShard(ctx, &kinesis.SplitShardInput{
		StreamName:         aws.String(stream),
		ShardToSplit:       aws.String("shardId-000000000000"),
		NewStartingHashKey: aws.String(middle.String()),
	}))
	waitForStream()
	wish := must(json.Marshal(map[string]any{"stream_arn": tableStream, "children": 2}))
	rolled := must(http.Post(endpoint+"/_harness/streams/roll", "application/json", bytes.NewReader(wish)))
	expect(rolled.StatusCode == http.StatusOK, "the roll was answered by %d", rolled.StatusCode)
	check(rolled.Body.Close())
}

func writeSecond() string {
	for number := 0; number < 60; number += 2 {
		must(dynamo.UpdateItem(ctx, &dynamodb.UpdateItemInput{
			TableName:        aws.String(table),
			Key:              key(number),
			UpdateExpression: aws.String("SET n = n + :more ADD tags :tags"),
			ExpressionAttributeValues: map[string]types.AttributeValue{
				":more": &types.AttributeValueMemberN{Value: "1000"},
				":tags": &types.AttributeValueMemberSS{Value: []string{"z"}},
			},
		}))
	}
	for number := 50; number < 60; number++ {
		must(dynamo.DeleteItem(ctx, &dynamodb.DeleteItemInput{TableName: aws.String(table), Key: key(number)}))
	}
	var puts []types.TransactWriteItem
	for _, number := range []int{60, 61} {
		image := must(attributevalue.MarshalMap(item(number)))
		puts = append(puts, types.TransactWriteItem{Put: &types.Put{TableName: aws.String(table), Item: image}})
	}
	must(dynamo.TransactWriteItems(ctx, &dynamodb.TransactWriteItemsInput{TransactItems: puts}))

	var refused *types.ConditionalCheckFailedException
	err := tryPut(1, aws.String("attribute_not_exists(pk)"))
	expect(errors.As(err, &refused), "a condition that does not hold was answered by %v", err)
	var old Item
	check(attributevalue.UnmarshalMap(refused.Item, &old))
	expect(reflect.DeepEqual(old, item(1)), "the refused put told %v", old)
	return refused.ErrorCode()
}

func query() Totals {
	found := map[string]Item{}
	pages := dynamodb.NewQueryPaginator(dynamo, &dynamodb.QueryInput{
		TableName:              aws.String(table),
		Limit:                  aws.Int32(3),
		KeyConditionExpression: aws.String("pk = :pk AND sk BETWEEN :from AND :to"),
		ExpressionAttributeValues: map[string]types.AttributeValue{
			":pk":   &types.AttributeValueMemberS{Value: "all"},
			":from": &types.AttributeValueMemberS{Value: id(10)},
			":to":   &types.AttributeValueMemberS{Value: id(19)},
		},
	})
	for pages.HasMorePages() {
		var items []Item
		check(attributevalue.UnmarshalListOfMaps(must(pages.NextPage(ctx)).Items, &items))
		for _, one := range items {
			found[one.SK] = one
		}
	}
	return totals(found)
}

func object() int {
	large := bytes.Repeat([]byte("0123456789"), 300_000)
	must(objects.PutObject(ctx, &s3.PutObjectInput{
		Bucket: aws.String(bucket), Key: aws.String("large"), Body: bytes.NewReader(large),
	}))
	expect(bytes.Equal(get("large"), large), "the object came back changed")
	return len(large)
}

func get(name string) []byte {
	found := must(objects.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: aws.String(name)}))
	defer found.Body.Close()
	return must(io.ReadAll(found.Body))
}

func export(tableArn string) Totals {
	begun := must(dynamo.ExportTableToPointInTime(ctx, &dynamodb.ExportTableToPointInTimeInput{
		TableArn: aws.String(tableArn), S3Bucket: aws.String(bucket), S3Prefix: aws.String("all"),
	}))
	var done *types.ExportDescription
	until("the export", func() bool {
		wish := &dynamodb.DescribeExportInput{ExportArn: begun.ExportDescription.ExportArn}
		done = must(dynamo.DescribeExport(ctx, wish)).ExportDescription
		expect(done.ExportStatus != types.ExportStatusFailed, "the export failed: %v", done.FailureMessage)
		return done.ExportStatus == types.ExportStatusCompleted
	})
	found := map[string]Item{}
	pages := s3.NewListObjectsV2Paginator(objects, &s3.ListObjectsV2Input{
		Bucket: aws.String(bucket), Prefix: aws.String("all/"), MaxKeys: aws.Int32(2),
	})
	for pages.HasMorePages() {
		for _, file := range must(pages.NextPage(ctx)).Contents {
			if strings.HasSuffix(*file.Key, ".json.gz") {
				readExport(get(*file.Key), found)
			}
		}
	}
	for number := range 60 {
		expect(reflect.DeepEqual(found[id(number)], item(number)), "exported: %v", found[id(number)])
	}
	expect(*done.ItemCount == int64(len(found)), "it counts %d items", *done.ItemCount)
	return totals(found)
}

func readExport(file []byte, found map[string]Item) {
	lines := json.NewDecoder(must(gzip.NewReader(bytes.NewReader(file))))
	for lines.More() {
		var line struct{ Item map[string]map[string]any }
		check(lines.Decode(&line))
		var one Item
		check(attributevalue.UnmarshalMap(values(line.Item, 1), &one))
		found[one.SK] = one
	}
}
