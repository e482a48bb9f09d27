package interop;

import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * One worker of a KCL application: {@code Worker ENDPOINT STREAM APPLICATION WORKER polling|fanout}.
 *
 * <p>Says on standard output what it does, a line for each event: {@code start SHARD}, {@code record SHARD
 * SEQUENCE KEY DATA}, {@code checkpoint SHARD SEQUENCE}, {@code end SHARD}, {@code lost SHARD}. Ends in good
 * order when standard input ends.
 *
 * <p>The library's intervals are shortened, its defaults are otherwise left alone: CBOR, metrics to CloudWatch,
 * lease table, graceful handoff.
 */
public final class Worker {
    private static final int SHUTDOWN_SECONDS_MAX = 15;

    private Worker() {}

    public static void main(String[] arguments) throws Exception {
        URI endpoint = URI.create(arguments[0]);
        String stream = arguments[1];
        String application = arguments[2];
        String worker = arguments[3];
        boolean fanOut = arguments[4].equals("fanout");

        var credentials = StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test"));
        var kinesis = KinesisAsyncClient.builder()
                .endpointOverride(endpoint)
                .credentialsProvider(credentials)
                .region(Region.US_EAST_1)
                .httpClientBuilder(NettyNioAsyncHttpClient.builder().protocol(Protocol.HTTP2))
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

        var position = InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        var tracker = new SingleStreamTracker(stream, position);
        var configs =
                new ConfigsBuilder(tracker, application, kinesis, dynamo, cloudWatch, worker, Journal::new);
        RetrievalSpecificConfig retrieval = fanOut
                ? new FanOutConfig(kinesis).streamName(stream).applicationName(application)
                : new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(250);
        var leases = configs.leaseManagementConfig()
                .failoverTimeMillis(4000)
                .shardSyncIntervalMillis(2000)
                .leasesRecoveryAuditorExecutionFrequencyMillis(5000)
                .dynamoDbLockBasedLeaderLeaseDurationInMillis(6000)
                .dynamoDbLockBasedLeaderHeartbeatPeriodInMillis(1500);
        leases.workerUtilizationAwareAssignmentConfig().workerMetricsReporterFreqInMillis(2000);
        var coordinator = configs.coordinatorConfig()
                .parentShardPollIntervalMillis(500)
                .shardConsumerDispatchPollIntervalMillis(100);
        var metrics = configs.metricsConfig().metricsBufferTimeMillis(2000);
        var scheduler = new Scheduler(
                configs.checkpointConfig(),
                coordinator,
                leases,
                configs.lifecycleConfig(),
                metrics,
                configs.processorConfig(),
                configs.retrievalConfig().retrievalSpecificConfig(retrieval));

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
    private static final class Journal implements ShardRecordProcessor {
        private String shard = "";

        @Override
        public void initialize(InitializationInput input) {
            shard = input.shardId();
            tell("start " + shard);
        }

        @Override
        public void processRecords(ProcessRecordsInput input) {
            for (KinesisClientRecord record : input.records()) {
                var data = StandardCharsets.UTF_8.decode(record.data());
                tell("record " + shard + " " + record.sequenceNumber() + " " + record.partitionKey() + " " + data);
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
