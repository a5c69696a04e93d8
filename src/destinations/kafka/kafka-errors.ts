/** What an error of the Kafka client means for the messages that were to be sent. */
export interface KafkaFailure {
  /** For the operator: the innermost reason, with the name that the protocol gives it. */
  readonly message: string;
  /** Whether the broker looked at the messages and will never take one of them. */
  readonly isRefusal: boolean;
  /** `topic:partition` of what was written all the same. */
  readonly written: ReadonlySet<string>;
}

/** Reads what `producer.send` rejected with: a tree of errors of single attempts, requests and partitions. */
export function readKafkaFailure(error: unknown): KafkaFailure {
  const all = [...errorsWithin(error as KafkaError)];
  const refusal = all.find(({ apiId }) => apiId !== undefined && refusals.has(apiId));
  const written = new Set<string>();
  for (const within of all) for (const partition of writtenPartitions(within)) written.add(partition);
  return {
    message: describe(refusal ?? innermost(error as KafkaError)),
    isRefusal: refusal !== undefined,
    written,
  };
}

/** Errors of the client that a new client would not have. */
export function needsNewProducer(error: unknown): boolean {
  return [...errorsWithin(error as KafkaError)].some(({ closed }) => closed === true);
}

/** The members that errors of `@platformatic/kafka` may have. */
interface KafkaError extends Error {
  readonly errors?: readonly KafkaError[];
  readonly cause?: KafkaError;
  /** The protocol's name of an error: `MESSAGE_TOO_LARGE`. */
  readonly apiId?: string;
  readonly closed?: boolean;
  /** Of partitions whose leaders answered that they wrote. */
  readonly produced?: { readonly offsets?: readonly { readonly topic: string; readonly partition: number }[] };
  /** Of a request that failed for some of its partitions. */
  readonly response?: { readonly responses?: readonly TopicResponse[] };
}

interface TopicResponse {
  readonly name: string;
  readonly partitionResponses: readonly { readonly index: number; readonly errorCode: number }[];
}

/** About the messages themselves: with the same ones the answer stays the same, whatever an operator repairs. */
const refusals: ReadonlySet<string> = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TIMESTAMP',
]);

function* errorsWithin(error: KafkaError): Generator<KafkaError> {
  yield error;
  for (const one of error.errors ?? []) yield* errorsWithin(one);
  if (error.cause !== undefined) yield* errorsWithin(error.cause);
}

function* writtenPartitions({ produced, response }: KafkaError): Generator<string> {
  for (const { topic, partition } of produced?.offsets ?? []) yield `${topic}:${partition}`;
  for (const { name, partitionResponses } of response?.responses ?? []) {
    for (const { index, errorCode } of partitionResponses) if (errorCode === 0) yield `${name}:${index}`;
  }
}

/** Of several attempts the last one says what is wrong now. */
function innermost(error: KafkaError): KafkaError {
  const within = error.errors?.at(-1) ?? error.cause;
  return within === undefined ? error : innermost(within);
}

function describe({ apiId, message }: KafkaError): string {
  return apiId === undefined ? message : `${apiId}: ${message}`;
}
