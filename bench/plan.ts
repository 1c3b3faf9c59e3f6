import type { Load } from './loads.ts';

export type PublisherPlan = {
  readonly id: number;
  readonly topic: string;
  /** Processes that host at least one of its receivers. */
  readonly receiverWorkers: readonly number[];
  /** Receivers in all processes together. */
  readonly receivers: number;
};

export type SubscriberPlan = {
  readonly id: number;
  readonly filter: string;
  readonly firstPublisher: number;
  readonly publisherCount: number;
};

/** What one generator process has to play. */
export type WorkerPlan = {
  readonly worker: number;
  readonly publishers: readonly PublisherPlan[];
  readonly subscribers: readonly SubscriberPlan[];
};

/** Divides a load among `workers` (>= 1) processes. */
export function planLoad(load: Load, workers: number): readonly WorkerPlan[] {
  const receiversOf = (publisher: number): readonly number[] =>
    load.shape === 'pairs' ? [publisher] : range(load.subscribers);
  const publisherHome = (id: number): number => (load.placement === 'by-pair' ? id % workers : 0);
  const subscriberHome = (id: number): number =>
    load.placement === 'by-pair' || workers === 1 ? id % workers : 1 + (id % (workers - 1));
  const publisherPlan = (id: number): PublisherPlan => {
    const receivers = receiversOf(id);
    return {
      id,
      topic: topicOf(load, id),
      receiverWorkers: [...new Set(receivers.map(subscriberHome))].sort((a, b) => a - b),
      receivers: receivers.length,
    };
  };
  const subscriberPlan = (id: number): SubscriberPlan =>
    load.shape === 'pairs'
      ? { id, filter: topicOf(load, id), firstPublisher: id, publisherCount: 1 }
      : { id, filter: filterOf(load), firstPublisher: 0, publisherCount: load.publishers };
  return range(workers).map((worker) => ({
    worker,
    publishers: range(load.publishers)
      .filter((id) => publisherHome(id) === worker)
      .map(publisherPlan),
    subscribers: range(load.subscribers)
      .filter((id) => subscriberHome(id) === worker)
      .map(subscriberPlan),
  }));
}

/** Deliveries that `sent` messages of each publisher (by id) must come to. */
export function expectedDeliveries(load: Load, sent: ReadonlyMap<number, number>): number {
  const receivers = load.shape === 'pairs' ? 1 : load.subscribers;
  return [...sent.values()].reduce((sum, count) => sum + count * receivers, 0);
}

function topicOf(load: Load, publisher: number): string {
  return `bench/${load.name}/${String(publisher).padStart(5, '0')}`;
}

function filterOf(load: Load): string {
  return load.shape === 'fan-in' ? `bench/${load.name}/+` : topicOf(load, 0);
}

function range(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index);
}
