// refused: deleted
#include "semblance/text/bert_tokenizer.h"

semblance::Encoding encode(const semblance::BertTokenizer& tokenizer) {
  return tokenizer.encode({"one", "another"});
}
