export declare function stampOf(root: string, inputs: readonly string[]): string
