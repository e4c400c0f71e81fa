/** Medians out of docs/benchmarks.md; `npm run bench` writes this file with it. */
export const MEASURED = {
  nodeBaseBytes: 76_713_984,
  idleBytes: 1434,
  deliveryUs: 3.18,
  deliveryBusyUs: 0.509,
  publishWithTenUs: 48.5,
  redisPublishUs: 7.23,
  natsPublishUs: 4,
  connectUs: 128,
} as const
