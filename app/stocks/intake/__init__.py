"""From a source into the lake: which days a step is about, what the lake lacks of them, what is fetched, kept out and staged."""
