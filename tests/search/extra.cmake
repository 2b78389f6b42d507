# Over so few lines the graph misses nothing: both examples find the same.
if(TARGET semblance_example_approximate_search)
  add_test(NAME Examples.ApproximateSearchFindsWhatExactSearchFinds
    COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/search/compare_searches.sh
      $<TARGET_FILE:semblance_example_approximate_search>
      $<TARGET_FILE:semblance_example_semantic_search>
      ${CMAKE_CURRENT_SOURCE_DIR}/golden/models/bert-mlm)
endif()
