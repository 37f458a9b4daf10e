/** What the page brings along, as source text. */
export declare const assets: {
  readonly scripts: {
    /** JavaScript that defines `uPlot`. */
    readonly chart: string;
    /** TypeScript still. */
    readonly page: string;
  };
  /** CSS, in the order in which it cascades. */
  readonly styles: readonly string[];
};
