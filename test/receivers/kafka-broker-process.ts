/** The other side of `kafka-broker.ts`: librdkafka's mock cluster, in a process of its own. */
import koffi from 'koffi';

/** What this process is asked to do, by `process.send`. */
export type BrokerRequest =
  | { readonly kind: 'stop' | 'start'; readonly broker?: number | undefined }
  | { readonly kind: 'lead'; readonly broker: number }
  | { readonly kind: 'fail'; readonly apiKey: number; readonly errorCodes: readonly number[] };

export type BrokerAnswer = { readonly kind: 'ready'; readonly address: string } | { readonly kind: 'done' };

const library = koffi.load('librdkafka.so.1');
const newConfiguration = library.func('void *rd_kafka_conf_new()');
const newClient = library.func(
  'void *rd_kafka_new(int type, void *configuration, _Out_ uint8_t *error, size_t errorSize)',
);
const newCluster = library.func('void *rd_kafka_mock_cluster_new(void *client, int brokers)');
const bootstraps = library.func('const char *rd_kafka_mock_cluster_bootstraps(void *cluster)');
const createTopic = library.func(
  'int rd_kafka_mock_topic_create(void *cluster, const char *topic, int partitions, int replicas)',
);
const setDown = library.func('int rd_kafka_mock_broker_set_down(void *cluster, int32_t broker)');
const setUp = library.func('int rd_kafka_mock_broker_set_up(void *cluster, int32_t broker)');
const setLeader = library.func(
  'int rd_kafka_mock_partition_set_leader(void *cluster, const char *topic, int32_t partition, int32_t broker)',
);
const pushErrors = library.func(
  'void rd_kafka_mock_push_request_errors_array(void *cluster, int16_t apiKey, size_t count, const int *errors)',
);

serve();

function serve(): void {
  const [topic, partitions, brokers] = [process.argv[2]!, Number(process.argv[3]), Number(process.argv[4])];
  const error = Buffer.alloc(512);
  const client = newClient(0, newConfiguration(), error, error.length);
  if (client === null) throw new Error(`rd_kafka_new: ${error.toString('utf8').replace(/\0.*/s, '')}`);
  const cluster = newCluster(client, brokers);
  createTopic(cluster, topic, partitions, 1);
  const handle = (request: BrokerRequest): void => {
    switch (request.kind) {
      case 'fail':
        pushErrors(cluster, request.apiKey, request.errorCodes.length, Int32Array.from(request.errorCodes));
        return;
      case 'lead':
        for (let partition = 0; partition < partitions; partition++)
          setLeader(cluster, topic, partition, request.broker);
        return;
      case 'stop':
      case 'start':
        for (let broker = 1; broker <= brokers; broker++) {
          if (broker === (request.broker ?? broker)) (request.kind === 'stop' ? setDown : setUp)(cluster, broker);
        }
        return;
      default:
        request satisfies never;
    }
  };
  process.on('message', (request: BrokerRequest) => {
    handle(request);
    answer({ kind: 'done' });
  });
  process.on('disconnect', () => process.exit(0));
  answer({ kind: 'ready', address: bootstraps(cluster) });
}

function answer(message: BrokerAnswer): void {
  process.send!(message);
}
