/** Medians out of docs/benchmarks.md; `npm run bench` writes this file with it. */
export const MEASURED = {
  nodeBaseBytes: 78_188_544,
  idleBytes: 2534,
  deliveryUs: 4.31,
  deliveryBusyUs: 0.717,
  publishWithTenUs: 67,
  redisPublishUs: 8.26,
  natsPublishUs: 5.32,
  connectUs: 245,
} as const
