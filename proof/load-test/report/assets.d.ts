/** The scripts and styles of the page, as source text. */
export declare const assets: {
  readonly scripts: {
    /** JavaScript that defines `uPlot`. */
    readonly chart: string;
    /** Still TypeScript. */
    readonly page: string;
  };
  /** CSS, in the order in which it cascades. */
  readonly styles: readonly string[];
};
