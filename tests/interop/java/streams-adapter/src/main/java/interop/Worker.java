package interop;

import com.amazonaws.services.dynamodbv2.streamsadapter.AmazonDynamoDBStreamsAdapterClient;
import com.amazonaws.services.dynamodbv2.streamsadapter.StreamsSchedulerFactory;
import com.amazonaws.services.dynamodbv2.streamsadapter.adapter.DynamoDBStreamsClientRecord;
import com.amazonaws.services.dynamodbv2.streamsadapter.model.DynamoDBStreamsProcessRecordsInput;
import com.amazonaws.services.dynamodbv2.streamsadapter.polling.DynamoDBStreamsPollingConfig;
import com.amazonaws.services.dynamodbv2.streamsadapter.processor.DynamoDBStreamsShardRecordProcessor;
import java.net.URI;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.dynamodb.streams.DynamoDbStreamsClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;

/**
 * One worker that reads a DynamoDB stream: {@code Worker ENDPOINT STREAM_ARN APPLICATION WORKER}.
 *
 * <p>Says on standard output what it does, a line for each event: {@code start SHARD}, {@code record SHARD
 * SEQUENCE KEY EVENT:NUMBER}, {@code checkpoint SHARD SEQUENCE}, {@code end SHARD}, {@code lost SHARD}. KEY is
 * the attribute pk of the item, NUMBER its attribute n after the change. Ends in good order when standard input
 * ends.
 */
public final class Worker {
    private static final int SHUTDOWN_SECONDS_MAX = 15;

    private Worker() {}

    public static void main(String[] arguments) throws Exception {
        URI endpoint = URI.create(arguments[0]);
        String stream = arguments[1];
        String application = arguments[2];
        String worker = arguments[3];

        var credentials = StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test"));
        var streams = DynamoDbStreamsClient.builder()
                .endpointOverride(endpoint)
                .credentialsProvider(credentials)
                .region(Region.US_EAST_1)
                .build();
        var dynamo = DynamoDbAsyncClient.builder()
                .endpointOverride(endpoint)
                .credentialsProvider(credentials)
                .region(Region.US_EAST_1)
                .build();
        var cloudWatch = CloudWatchAsyncClient.builder()
                .endpointOverride(endpoint)
                .credentialsProvider(credentials)
                .region(Region.US_EAST_1)
                .build();
        var adapter = new AmazonDynamoDBStreamsAdapterClient(streams, Region.US_EAST_1);

        var position = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        var tracker = StreamsSchedulerFactory.createSingleStreamTracker(stream, position);
        var configs = new ConfigsBuilder(tracker, application, adapter, dynamo, cloudWatch, worker, Journal::new);
        var leases = configs.leaseManagementConfig()
                .failoverTimeMillis(4000)
                .shardSyncIntervalMillis(2000)
                .leasesRecoveryAuditorExecutionFrequencyMillis(5000);
        var coordinator = configs.coordinatorConfig()
                .parentShardPollIntervalMillis(500)
                .shardConsumerDispatchPollIntervalMillis(100);
        var polling = new DynamoDBStreamsPollingConfig(adapter);
        polling.idleTimeBetweenReadsInMillis(250);
        var scheduler = StreamsSchedulerFactory.createScheduler(
                configs.checkpointConfig(),
                coordinator,
                leases,
                configs.lifecycleConfig(),
                configs.metricsConfig().metricsBufferTimeMillis(2000),
                configs.processorConfig(),
                configs.retrievalConfig().retrievalSpecificConfig(polling),
                adapter);

        var thread = new Thread(scheduler, "scheduler");
        thread.setDaemon(true);
        thread.start();
        while (System.in.read() >= 0) {
            // What is said does not matter, only that it ends.
        }
        try {
            scheduler.startGracefulShutdown().get(SHUTDOWN_SECONDS_MAX, TimeUnit.SECONDS);
        } catch (TimeoutException stuck) {
            // A lease that was lost and taken again keeps the library waiting for its former reader.
            Journal.tell("impatient");
        }
        System.exit(0);
    }

    /** Tells what the library hands over, then checkpoints each batch. */
    private static final class Journal implements DynamoDBStreamsShardRecordProcessor {
        private String shard = "";

        @Override
        public void initialize(InitializationInput input) {
            shard = input.shardId();
            tell("start " + shard);
        }

        @Override
        public void processRecords(DynamoDBStreamsProcessRecordsInput input) {
            for (DynamoDBStreamsClientRecord each : input.records()) {
                var record = each.getRecord();
                var change = record.dynamodb();
                var number = change.hasNewImage() ? change.newImage().get("n").n() : "-";
                tell("record " + shard + " " + change.sequenceNumber() + " " + change.keys().get("pk").s() + " "
                        + record.eventNameAsString() + ":" + number);
            }
            if (!input.records().isEmpty()) {
                var last = input.records().get(input.records().size() - 1);
                checkpoint(input.checkpointer(), "checkpoint " + shard + " " + last.sequenceNumber());
            }
        }

        @Override
        public void leaseLost(LeaseLostInput input) {
            tell("lost " + shard);
        }

        @Override
        public void shardEnded(ShardEndedInput input) {
            checkpoint(input.checkpointer(), "end " + shard);
        }

        @Override
        public void shutdownRequested(ShutdownRequestedInput input) {
            checkpoint(input.checkpointer(), "stop " + shard);
        }

        private void checkpoint(RecordProcessorCheckpointer checkpointer, String line) {
            try {
                checkpointer.checkpoint();
                tell(line);
            } catch (InvalidStateException | ShutdownException refused) {
                tell("refused " + shard + " " + refused.getClass().getSimpleName());
            }
        }

        private static synchronized void tell(String line) {
            System.out.println(line);
            System.out.flush();
        }
    }
}
