/** Close codes that mean the same in every dialect (RFC 6455, section 7.4.1). */
export const RFC_CLOSE = {
  normal: 1000,
  /** The page was left, for example. */
  leaving: 1001,
  notUtf8: 1007,
  tooLarge: 1009,
  internal: 1011,
} as const
