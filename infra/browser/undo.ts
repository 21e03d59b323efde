/** As `aria-keyshortcuts` names them: what was done is taken back from wherever the focus is. */
export const undoKeys = 'Control+Z Meta+Z'

/** Whether somebody presses them, and not to take back what they type. */
export const isUndo = ({ key, ctrlKey, metaKey, shiftKey, altKey, target }: KeyboardEvent): boolean =>
  key.toLowerCase() === 'z' && ctrlKey !== metaKey && !shiftKey && !altKey && !(target instanceof HTMLInputElement)
