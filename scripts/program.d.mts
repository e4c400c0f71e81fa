export const BUNDLED: readonly string[]
export function bundleProgram(folder: string): Promise<void>
