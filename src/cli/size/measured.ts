/** Medians out of docs/benchmarks.md; `npm run bench` writes this file with it. */
export const MEASURED = {
  nodeBaseBytes: 105_025_536,
  idleBytes: 2383,
  deliveryUs: 7.22,
  deliveryBusyUs: 1.13,
  publishWithTenUs: 135,
  redisPublishUs: 41.3,
  natsPublishUs: 7.93,
  connectUs: 247,
} as const
