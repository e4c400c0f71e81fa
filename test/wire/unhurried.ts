/** What the cases are about is the bytes: nobody is turned away for coming too often. */
export const UNHURRIED = {
  admission: {
    connectionsPerSecond: 100_000,
    burst: 100_000,
    perAddressPerSecond: 100_000,
    perAddressBurst: 100_000,
  },
  // What the cases of frames over the limit are made for.
  limits: { frame: '64KiB', payload: '32KiB' },
} as const
