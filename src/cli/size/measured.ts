/** Medians out of docs/benchmarks.md; `npm run bench` writes this file with it. */
export const MEASURED = {
  nodeBaseBytes: 76_271_616,
  idleBytes: 1631,
  deliveryUs: 3.4,
  deliveryBusyUs: 0.563,
  publishWithTenUs: 54.3,
  redisPublishUs: 7.74,
  natsPublishUs: 4.25,
  connectUs: 165,
} as const
