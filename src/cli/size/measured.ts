/** Medians out of docs/benchmarks.md; `npm run bench` writes this file with it. */
export const MEASURED = {
  nodeBaseBytes: 77_074_432,
  idleBytes: 1676,
  deliveryUs: 3.65,
  deliveryBusyUs: 0.6,
  publishWithTenUs: 53.1,
  redisPublishUs: 7.73,
  natsPublishUs: 4.18,
  connectUs: 140,
} as const
